// Runs inside Orthanc Explorer (jQuery 1.7.2 and jQuery Mobile 1.1.0, from Orthanc 1.10.1 to
// 1.13.0): a button with the verdict on the pages of instances, series and studies, and a link
// to the dashboard on the start page.
(function () {
  'use strict';
  var TRANSCODER = '../transcoder/';
  var ID = /^[0-9a-f]{8}(-[0-9a-f]{8}){4}$/;
  var LEVELS = { instance: 'instances', series: 'series', study: 'studies' };
  // A sign and a word each, and a colour that is readable on Orthanc Explorer's buttons.
  var VERDICTS = {
    PASS: ['\u2713 Pass', '#0b6b54'],
    WARN: ['! Warning', '#7a4f00'],
    FAIL: ['\u2715 Fail', '#a82c06'],
    PENDING: ['\u2026 not checked yet', '#444444'],
    NONE: ['\u2013 not checked', '#444444']
  };

  function button(id, text) {
    // Without data-ajax, jQuery Mobile would load the page into this one.
    return $('<a>').attr('id', id).attr('href', '#').attr('data-role', 'button')
      .attr('data-ajax', 'false').attr('data-icon', 'info').attr('data-theme', 'd').text(text);
  }

  function address(page, id) {
    return TRANSCODER + 'app/' + (page === 'instance'
      ? 'instance.html?id=' : 'study.html?level=' + LEVELS[page] + '&id=') + id;
  }

  function show(page, verdict) {
    var known = VERDICTS[verdict] || ['', '#444444'];
    $('#transcoder-' + page + ' .transcoder-verdict').text(known[0] && '\u00a0' + known[0])
      .css({ color: known[1], textShadow: 'none' });
  }

  function refresh(page) {
    var id = $.mobile.pageData && $.mobile.pageData.uuid;
    show(page, '');
    if (!ID.test(id)) {
      return;
    }
    $('#transcoder-' + page).attr('href', address(page, id));
    $.ajax({
      url: TRANSCODER + LEVELS[page] + '/' + id + '/report',
      dataType: 'json',
      cache: false,
      success: function (report) {
        // Meanwhile another one may have been opened.
        if ($.mobile.pageData.uuid === id) {
          show(page, report.verdict);
        }
      },
      error: function (request) {
        if (request.status === 404) {
          show(page, 'NONE');
        }
      }
    });
  }

  $.each(LEVELS, function (page) {
    $(document).on('pagebeforecreate', '#' + page, function () {
      button('transcoder-' + page, 'Quality report').append($('<b class="transcoder-verdict">'))
        .insertAfter($('#' + page + '-info'));
    });
    $(document).on('pagebeforeshow', '#' + page, function () {
      refresh(page);
    });
  });

  // From one study straight to another, no page is shown anew.
  $(window).bind('hashchange', function () {
    var active = $.mobile.pageData && $.mobile.pageData.active;
    if (Object.prototype.hasOwnProperty.call(LEVELS, active)) {
      refresh(active);
    }
  });

  $(document).on('pagebeforecreate', '#lookup', function () {
    button('transcoder-dashboard', 'Transcoding and image quality')
      .attr('href', TRANSCODER + 'app/index.html').insertAfter($('#lookup-form'));
  });
}());
