// What the report of an instance is made of: each function gets the report, and gives
// elements, or null where there is nothing to say.

import { ORTHANC } from './api.js';
import { h } from './dom.js';
import { data, dataBytes, decimal, milliseconds, percent, plural, ratio, time, whole } from './format.js';
import { frameCurves } from './frames.js';
import { bar, outcomeChip, severityChip, syntax } from './parts.js';
import { facts as pairs, sortable } from './tables.js';
import { independence, outcome, reason, syntaxName } from './words.js';

const PICTURE = /^data:image\/(jpeg|png);base64,[A-Za-z0-9+/=]*$/;

/** One sentence for the top of the page. */
export function summary(report) {
  const known = {
    transcoded: report.lossy ? 'Transcoded lossily, and measured.' : 'Transcoded without loss, and proven.',
    kept: report.code === 'not_smaller'
      ? 'Stored as it came: the result would not have been smaller.'
      : 'Stored as it came: it was in the target syntax already.',
    declined: 'Stored as it came: it must not or cannot be transcoded.',
    failed: 'Stored as it came: its transcoding failed.',
    unasked: 'Stored as it came: Orthanc did not ask for a transcoding.',
  };
  if (report.outcome === 'transcoded' && !report.verified) {
    return 'Transcoded; there is no proof of it.';
  }
  return known[report.outcome] || 'Nothing is recorded of how it was stored.';
}

export function findings(report, checks) {
  return [h('h2', {}, 'Findings'), list(report, checks), checked(report.quality)];
}

function list(report, checks) {
  const found = report.quality?.findings || [];
  if (found.length) {
    return h('ul', { class: 'findings' }, found.map((one) => finding(one, checks[one.code])));
  }
  const said = {
    PENDING: 'The checks of this instance have not run yet.',
    NONE: 'This instance was not checked: the checks are off, or it was stored before they were there. “Check again” does it now.',
  };
  return h('p', {}, report.quality ? 'Nothing was found.'
    : said[report.verdict] || 'There are no results of checks.');
}

/** What was wrong with what this instance was made from. */
export function received(report, checks) {
  const found = report.received || [];
  const stored = (report.quality?.findings || []).map(identity);
  const left = found.filter((one) => stored.includes(identity(one)));
  const gone = found.filter((one) => !stored.includes(identity(one)));
  return found.length ? [h('h2', {}, 'As received'),
    h('p', { class: 'muted' }, 'What was wrong with the file before it was transcoded, and is not found in what is stored.'),
    gone.length ? h('ul', { class: 'findings' }, gone.map((one) => finding(one, checks[one.code])))
      : h('p', {}, 'Nothing.'),
    left.length ? h('p', { class: 'muted small' }, 'Found in both: ', left.map((one) => one.code).join(', ')) : null] : null;
}

function identity(one) {
  return `${one.code} ${one.where} ${one.sentence}`;
}

function finding(one, check) {
  return h('li', {},
    h('p', {}, severityChip(one.severity), ' ', h('b', {}, check?.meaning || reason(one.code))),
    h('p', {}, one.sentence, one.where ? h('span', { class: 'muted' }, ` (${one.where})`) : null),
    check?.readers ? h('p', { class: 'muted' }, h('b', {}, 'Who trips over it: '), check.readers) : null,
    check ? h('p', { class: 'advice' }, h('b', {}, 'What to do: '), check.advice) : null,
    h('p', { class: 'muted small' },
      h('a', { href: `checks.html#${encodeURIComponent(one.code)}` }, one.code),
      check?.section ? ` · DICOM ${check.section}` : ''));
}

function checked(quality) {
  return quality ? h('p', { class: 'muted small' }, `Checked ${time(quality.checked)}`,
    quality.milliseconds ? ` in ${milliseconds(quality.milliseconds)}` : '',
    quality.facts?.unchecked ? `. The pixels were not looked at: ${quality.facts.unchecked}` : '') : null;
}

export function preview(report, id) {
  if (report.code === 'no_pixel_data' || report.code === 'video') {
    return null;
  }
  const image = h('img', {
    class: 'picture', alt: 'This instance as Orthanc shows it', loading: 'lazy',
    src: `${ORTHANC}instances/${id}/preview?returnUnsupportedImage`,
  });
  image.addEventListener('error', () => image.replaceWith(h('p', { class: 'muted' }, 'Orthanc shows no preview.')));
  return [h('h2', {}, 'Preview'), image];
}

export function transcoding(report) {
  return [h('h2', {}, 'Transcoding'), h('p', {}, outcomeChip(report.outcome), ' · ', words(report)),
    report.outcome === 'transcoded' ? steps(report) : null, measures(report),
    Object.keys(report.doubts || {}).length ? [h('h3', {}, 'In doubt'),
      h('ul', {}, Object.entries(report.doubts).map(([code, sentence]) => h('li', {}, sentence, ' ',
        h('span', { class: 'muted' }, `(${code})`))))] : null,
    opinion(report.second_opinion), (report.notes || []).length ? [h('h3', {}, 'Put right on the way'),
      h('ul', {}, report.notes.map((note) => h('li', {}, note)))] : null];
}

function words(report) {
  if (report.outcome === 'transcoded') {
    return `From ${syntaxName(report.source_syntax)} to ${syntaxName(report.target_syntax)}, `
      + `${plural(report.frames || 0, 'frame')}, in ${milliseconds(report.milliseconds)}.`;
  }
  const why = report.reason || (report.code ? `${reason(report.code)}.` : `${outcome(report.outcome).says}.`);
  return [why, report.source_syntax ? ` Stored in ${syntaxName(report.source_syntax)}.` : ''];
}

// Original, result and proof, from left to right.
function steps(report) {
  return h('ol', { class: 'steps' },
    h('li', {}, h('h3', {}, 'Original'), h('p', { class: 'big' }, dataBytes(report.source_bytes)),
      h('p', {}, syntax(report.source_syntax)), bar(1, 'received')),
    h('li', {}, h('h3', {}, 'Result'), h('p', { class: 'big' }, dataBytes(report.result_bytes)),
      h('p', {}, syntax(report.target_syntax)), bar(report.result_bytes / (report.source_bytes || 1), 'stored'),
      h('p', { class: 'muted' }, ratio(report.source_bytes, report.result_bytes), ', ',
        percent(Math.abs(report.source_bytes - report.result_bytes), report.source_bytes),
        report.result_bytes > report.source_bytes ? ' larger' : ' saved')),
    h('li', { class: report.verified ? 'proof' : 'proof none' }, proof(report)));
}

function proof(report) {
  if (!report.verified) {
    return [h('h3', {}, 'Proof'), h('p', {}, 'The result was not compared with the original.')];
  }
  if (report.lossy) {
    return [h('h3', {}, 'Measured'), h('p', { class: 'big' }, 'Lossy, within the limits'),
      h('p', {}, `All ${plural(report.frames, 'frame')} were decoded again and compared with the original.`)];
  }
  const digest = report.quality?.pixel_digest;
  return [h('h3', {}, 'Proof'), h('p', { class: 'big' }, h('span', { 'aria-hidden': 'true' }, '= '), 'Bit-exact'),
    h('p', {}, `Every stored sample of ${report.frames === 1 ? 'the one frame' : `all ${whole(report.frames)} frames`}`
      + ' was decoded again and found equal to the original, before Orthanc stored it.'),
    prover(report.proof),
    digest ? h('p', { class: 'muted small' }, 'Digest of the samples ', h('code', {}, digest)) : null];
}

// Who decoded it again, and what that one shares with the encoder.
function prover(known) {
  return known?.by ? h('p', {}, `Decoded by ${known.by} ${known.version}: ${independence(known.independence)}. `,
    known.others ? `${plural(known.frames, 'frame')} of it; the others by ${known.others}. ` : '',
    known.reason ? h('span', { class: 'muted' }, `Why by no other: ${known.reason}.`) : null) : null;
}

// What a second decoder said of an original that would have been replaced.
function opinion(known) {
  if (!known?.by) {
    return known?.reason ? [h('h3', {}, 'Second opinion'), h('p', {}, `None: ${known.reason}.`)] : null;
  }
  const said = known.disagreements ? `${plural(known.disagreements, 'frame')} otherwise than the first decoder`
    : known.frames ? 'the same samples as the first decoder' : 'nothing';
  return [h('h3', {}, 'Second opinion'),
    h('p', {}, `${known.by} ${known.version} read ${plural(known.frames, 'frame')} of the original, and found ${said}.`,
      known.reason ? h('span', { class: 'muted' }, ` Not all, or none: ${known.reason}.`) : null)];
}

function measures(report) {
  const known = report.measures || {};
  if (!report.lossy || !Object.keys(known).length) {
    return null;
  }
  const number = (value, digits, unit) => (value === null || value === undefined ? 'equal'
    : h('data', { value }, `${decimal(value, digits)}${unit}`));
  return [h('h3', {}, 'Measures of the worst frame'), pairs('Measures', [
    ['Maximum error', [number(known.maximum_error, 0, ''), h('span', { class: 'muted' }, ' stored units: no sample differs by more')]],
    ['RMSE', number(known.rmse, 2, '')],
    ['PSNR', [number(known.psnr, 1, ' dB'), h('span', { class: 'muted' }, ' over the range of the frame’s own values')]],
    'ssim' in known ? ['SSIM', [number(known.ssim, 4, ''), h('span', { class: 'muted' }, ' 1 is equal')]] : null,
    'ratio' in known ? ['Ratio of the pixel data', number(known.ratio, 2, ' : 1')] : null,
  ])];
}

export function evidence(report) {
  const shown = report.evidence;
  if (!shown || ![shown.original, shown.result, shown.difference].every((one) => PICTURE.test(one))) {
    return null;
  }
  const figure = (source, title, text) => h('figure', {},
    h('img', { class: 'picture', src: source, alt: `${title} of frame ${shown.frame}` }),
    h('figcaption', {}, h('b', {}, title), h('span', { class: 'muted' }, ` ${text}`)));
  return [h('h2', {}, `The worst frame: ${whole(shown.frame)}`), h('div', { class: 'figures' },
    figure(shown.original, 'Original', 'before compression'),
    figure(shown.result, 'Result', 'as it is stored'),
    figure(shown.difference, 'Difference', `${whole(shown.amplification)} times amplified; black is equal`))];
}

export function curves(report) {
  const frames = report.frame_measures || [];
  if (!frames.length) {
    return null;
  }
  const table = sortable([
    { key: 'frame', title: 'Frame', head: true, numeric: true, value: (row) => row.frame, cell: (row) => whole(row.frame) },
    column('psnr', 'PSNR (dB)', 2), column('maximum_error', 'Maximum error', 0),
    column('rmse', 'RMSE', 3), column('ssim', 'SSIM', 5), column('ratio', 'Ratio', 2),
  ], { caption: 'Measures of each frame', hiddenCaption: true, pageSize: 50 });
  table.show(frames.map((frame, index) => ({ frame: index + 1, ...frame })));
  return [h('h2', {}, 'Frame by frame'), frameCurves(frames, report.evidence?.frame),
    h('details', { id: 'frame-numbers' }, h('summary', {}, 'Numbers of each frame'), table.element)];
}

function column(key, title, digits) {
  return { key, title, numeric: true, value: (row) => row[key], cell: (row) =>
    (typeof row[key] === 'number' ? h('data', { value: row[key] }, decimal(row[key], digits)) : 'equal') };
}

const FACTS = {
  modality: 'Modality', rows: 'Rows', columns: 'Columns', frames: 'Frames',
  samples_per_pixel: 'Samples per pixel', photometric: 'Photometric interpretation',
  bits_allocated: 'Bits allocated', bits_stored: 'Bits stored', signed: 'Signed',
  minimum: 'Smallest value', maximum: 'Greatest value', sop_class_uid: 'SOP Class UID',
};

export function facts(report) {
  const known = report.quality?.facts || {};
  const rows = Object.entries(FACTS).filter(([key]) => known[key] !== undefined && known[key] !== null)
    .map(([key, name]) => [name, known[key] === true ? 'yes' : String(known[key])]);
  return rows.length ? [h('h2', {}, 'Image'), pairs('Image', rows)] : null;
}

export function details(report) {
  const changed = report.result_sop_instance_uid && report.result_sop_instance_uid !== report.sop_instance_uid;
  return [h('h2', {}, 'Record'), pairs('Record', [
    ['SOP Instance UID', report.sop_instance_uid || '–'],
    changed ? ['UID of the result', report.result_sop_instance_uid] : null,
    ['Source syntax', [syntax(report.source_syntax), uid(report.source_syntax)]],
    report.target_syntax ? ['Target syntax', [syntax(report.target_syntax), uid(report.target_syntax)]] : null,
    ['Size received', [data(report.source_bytes || 0), ' bytes']],
    report.result_bytes ? ['Size of the result', [data(report.result_bytes), ' bytes']] : null,
    report.codec ? ['Codec', `${report.codec} ${report.codec_version || ''}`] : null,
    report.code ? ['Code', h('code', {}, report.code)] : null,
    report.outcome === 'transcoded' ? ['Time', milliseconds(report.milliseconds)] : null,
  ]), Object.keys(report.parameters || {}).length ? [h('h3', {}, 'Parameters of the codec'),
    h('pre', { tabindex: 0 }, JSON.stringify(report.parameters, null, 2))] : null];
}

function uid(value) {
  return value ? h('span', { class: 'muted' }, ` ${value}`) : null;
}

