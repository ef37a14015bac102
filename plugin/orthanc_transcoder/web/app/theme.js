// Dark or light: what the reader chose, else what the browser prefers. Not a module, so
// that it runs before the page is drawn.
(function () {
  'use strict';
  var KEY = 'transcoder-theme';
  var root = document.documentElement;

  function stored() {
    try {
      return window.localStorage.getItem(KEY);
    } catch (error) {
      return null; // storage is switched off: the browser's preference it is
    }
  }

  function store(value) {
    try {
      window.localStorage.setItem(KEY, value);
    } catch (error) {
      // As above: then it holds for this page only.
    }
  }

  function current() {
    return root.dataset.theme ||
      (window.matchMedia('(prefers-color-scheme: light)').matches ? 'light' : 'dark');
  }

  function label(button) {
    button.textContent = current() === 'dark' ? 'Light' : 'Dark';
    button.setAttribute('aria-label', 'Use ' + button.textContent.toLowerCase() + ' colours');
  }

  var choice = stored();
  if (choice === 'dark' || choice === 'light') {
    root.dataset.theme = choice;
  }
  document.addEventListener('DOMContentLoaded', function () {
    var button = document.getElementById('theme');
    label(button);
    button.addEventListener('click', function () {
      root.dataset.theme = current() === 'dark' ? 'light' : 'dark';
      store(root.dataset.theme);
      label(button);
    });
  });
}());
