// The report of a study, series or patient: totals, then series by series.

import { ORTHANC, TRANSCODER, ApiError, asked, getIfThere, getJson, isId } from './api.js';
import { checkAgain } from './check-again.js';
import { h } from './dom.js';
import { data, dataBytes, decimal, dicomDate, percent, personName, plural, ratio } from './format.js';
import {
  explorer, failure, notAsked, outcomeChip, printButton, reportPage, stacked, syntax, thumbnail,
  tile, verdictChip, verdictParts,
} from './parts.js';
import { sortable } from './tables.js';
import { reason } from './words.js';

const ROWS = 50;
const NAMES = { studies: 'Study', series: 'Series', patients: 'Patient' };
const place = document.getElementById('report');
const wanted = asked('study');
const check = wanted && checkAgain(wanted.level, wanted.id, start);
let tables = [];
let shownChecks = {};

/** The patient and the study of the resource, as far as Orthanc tells them. */
async function people() {
  const resource = await getIfThere(`${ORTHANC}${wanted.level}/${wanted.id}`) || {};
  if (wanted.level !== 'series' || !isId(resource.ParentStudy)) {
    return resource;
  }
  return await getIfThere(`${ORTHANC}studies/${resource.ParentStudy}`) || {};
}

async function load() {
  const [report, resource, checks] = await Promise.all([
    getJson(`${TRANSCODER}${wanted.level}/${wanted.id}/report`), people(), getIfThere('checks.json'),
  ]);
  shownChecks = checks || {};
  draw(report, resource);
  document.body.classList.add('ready');
}

async function start() {
  if (!wanted) {
    place.replaceChildren(notAsked());
    return;
  }
  if (wanted.level === 'instances') {
    window.location.replace(reportPage('instances', wanted.id));
    return;
  }
  try {
    await load();
  } catch (error) {
    if (!(error instanceof ApiError)) {
      throw error;
    }
    place.replaceChildren(failure(error));
  }
}

function draw(report, resource) {
  tables = [];
  const series = report.series || [];
  const sections = series.map((one) => seriesSection(one));
  const tags = { ...resource.PatientMainDicomTags, ...resource.MainDicomTags };
  const name = personName(tags.PatientName) || 'No name';
  document.title = `${name}: ${NAMES[wanted.level].toLowerCase()} report`;
  place.replaceChildren(
    heading(report, tags, name), totals(report), overview(series), filter(report), ...sections,
  );
  tables.forEach((one) => one.show());
}

function heading(report, tags, name) {
  const what = [NAMES[wanted.level], report.description, dicomDate(report.date)].filter(Boolean).join(' · ');
  return h('div', { class: 'title' },
    h('div', { class: 'names' },
      h('p', { class: 'muted' }, what),
      h('h1', {}, name, ' ', verdictChip(report.verdict)),
      h('p', { class: 'muted' }, [
        tags.PatientID && `ID ${tags.PatientID}`,
        tags.PatientBirthDate && `born ${dicomDate(tags.PatientBirthDate)}`,
        tags.AccessionNumber && `accession ${tags.AccessionNumber}`,
      ].filter(Boolean).join(' · ')),
      h('p', { class: 'printed' }, `Printed ${new Date().toLocaleString('en-GB')}, Orthanc Transcoder.`)),
    h('p', { class: 'downloads' },
      check, printButton(),
      h('a', { href: address('?format=csv'), download: `report-${wanted.id}.csv` }, 'CSV'),
      h('a', { href: address(''), target: '_blank', rel: 'noopener' }, 'JSON'),
      h('a', { href: explorer(wanted.level, wanted.id) }, 'Orthanc Explorer')));
}

function address(query) {
  return `${TRANSCODER}${wanted.level}/${wanted.id}/report${query}`;
}

function totals(report) {
  const before = report.source_bytes || 0;
  const after = report.result_bytes || 0;
  return h('section', { class: 'panel', 'aria-label': 'Totals' },
    h('dl', { class: 'tiles' },
      tile('Instances', data(report.instances || 0), plural((report.series || []).length, 'series', 'series')),
      tile('Received', dataBytes(before)),
      tile('Stored', dataBytes(after), ratio(before, after)),
      tile('Saved', dataBytes(before - after), percent(before - after, before)),
      report.worst_psnr === null || report.worst_psnr === undefined ? null : tile('Worst PSNR',
        h('data', { value: report.worst_psnr }, `${report.worst_psnr} dB`), 'greatest error ', data(report.greatest_error || 0))),
    stacked(verdictParts(report.by_verdict || {}), 'Instances by verdict'));
}

const PLACE = (one) => `series-${one.id}`;

function overview(series) {
  const table = sortable([
    { key: 'number', title: 'Series', head: true, value: (one) => Number(one.number) || one.number || null,
      cell: (one) => h('a', { href: `#${PLACE(one)}` }, one.number || 'no number') },
    { key: 'modality', title: 'Modality', value: (one) => one.modality, cell: (one) => one.modality },
    { key: 'description', title: 'Description', value: (one) => one.description, cell: (one) => one.description },
    { key: 'verdict', title: 'Verdict', value: (one) => rank(one.verdict), cell: (one) => verdictChip(one.verdict) },
    { key: 'instances', title: 'Instances', numeric: true, value: (one) => one.totals?.instances || 0,
      cell: (one) => data(one.totals?.instances || 0) },
    ...sizes((one) => one.totals?.source_bytes, (one) => one.totals?.result_bytes),
  ], { caption: 'Series', hiddenCaption: true });
  tables.push({ ...table, show: () => table.show(series) });
  return series.length > 1
    ? h('section', { class: 'panel', 'aria-label': 'Series' }, h('h2', {}, 'Series'), table.element) : '';
}

function sizes(before, after) {
  return [
    { key: 'before', title: 'Received', numeric: true, value: (row) => before(row) || 0, cell: (row) => dataBytes(before(row)) },
    { key: 'after', title: 'Stored', numeric: true, value: (row) => after(row) || 0, cell: (row) => dataBytes(after(row)) },
    { key: 'ratio', title: 'Ratio', numeric: true,
      value: (row) => (after(row) ? before(row) / after(row) : null), cell: (row) => ratio(before(row), after(row)) },
  ];
}

const RANKS = ['FAIL', 'WARN', 'PENDING', 'NONE', 'PASS'];

// The worst first.
function rank(verdict) {
  return RANKS.indexOf(verdict);
}

function noteworthy(instance) {
  return instance.verdict !== 'PASS' || instance.outcome === 'failed'
    || (instance.findings || []).length > 0 || (instance.received || []).length > 0;
}

let onlyNoteworthy = false;

function filter(report) {
  const box = h('input', {
    type: 'checkbox', id: 'noteworthy',
    on: { change: () => { onlyNoteworthy = box.checked; tables.forEach((one) => one.show()); } },
  });
  box.checked = onlyNoteworthy;
  return h('p', { class: 'filter' }, box,
    h('label', { for: 'noteworthy' }, ' Only instances with findings or without the verdict “Pass”'),
    h('span', { class: 'muted' }, ` (what is listed is what is printed: ${plural(report.instances || 0, 'instance')} in all)`));
}

function seriesSection(one) {
  const instances = (one.instances || []).filter((row) => isId(row.id));
  const lossy = instances.some((row) => row.psnr !== null && row.psnr !== undefined) ||
    instances.some((row) => row.error);
  const table = sortable(columns(lossy), {
    caption: `Instances of series ${one.number || ''}`, hiddenCaption: true, pageSize: ROWS,
    sort: { key: 'number', descending: false },
  });
  tables.push({ ...table, show: () => table.show(onlyNoteworthy ? instances.filter(noteworthy) : instances) });
  const middle = instances[Math.floor(instances.length / 2)];
  const description = one.description || 'no description';
  return h('section', { class: 'panel series', id: PLACE(one), 'aria-labelledby': `${PLACE(one)}-title` },
    h('div', { class: 'series-head' },
      middle && !withoutPixels(middle) ? thumbnail(middle.id, `Instance from the middle of series ${one.number || ''}`) : null,
      h('div', {},
        h('h2', { id: `${PLACE(one)}-title` }, [one.number, one.modality, description].filter(Boolean).join(' · ')),
        h('p', { class: 'muted' }, verdictChip(one.verdict), ' · ', plural(one.totals?.instances || 0, 'instance'),
          ', ', dataBytes(one.totals?.source_bytes), ' received, ', dataBytes(one.totals?.result_bytes), ' stored, ',
          ratio(one.totals?.source_bytes, one.totals?.result_bytes),
          wanted.level !== 'series' && isId(one.id)
            ? [' · ', h('a', { href: reportPage('series', one.id) }, 'this series alone')] : null))),
    table.element);
}

function withoutPixels(row) {
  return row.code === 'no_pixel_data' || row.code === 'video';
}

function columns(lossy) {
  const nothing = (value) => value === null || value === undefined;
  return [
    { key: 'preview', title: 'Preview', plain: true, unseen: true, class: 'preview', cell: (row) =>
      (withoutPixels(row) ? h('span', { class: 'thumbnail none' }) : thumbnail(row.id, '')) },
    { key: 'number', title: 'Instance', head: true, value: (row) => row.number, cell: (row) =>
      h('a', { href: reportPage('instances', row.id), id: `instance-${row.id}` },
        nothing(row.number) ? 'no number' : row.number) },
    { key: 'verdict', title: 'Verdict', value: (row) => rank(row.verdict), cell: (row) => verdictChip(row.verdict) },
    { key: 'outcome', title: 'Outcome', value: (row) => row.outcome, cell: (row) => [outcomeChip(row.outcome),
      row.code ? h('div', { class: 'muted', title: row.code }, reason(row.code)) : null] },
    { key: 'syntax', title: 'Stored as', value: (row) => row.syntax, cell: (row) => syntax(row.syntax) },
    ...sizes((row) => row.source_bytes, (row) => row.result_bytes),
    ...(lossy ? [
      { key: 'psnr', title: 'PSNR', numeric: true, value: (row) => row.psnr, cell: (row) =>
        (nothing(row.psnr) ? '–' : h('data', { value: row.psnr }, `${decimal(row.psnr, 1)} dB`)) },
      { key: 'error', title: 'Max. error', numeric: true, value: (row) => row.error, cell: (row) => data(row.error || 0) },
    ] : []),
    { key: 'findings', title: 'Findings', class: 'found', value: (row) => -(row.findings || []).length, cell: (row) =>
      [...(row.findings || []).map((code) => h('div', { title: code }, shownChecks[code]?.meaning || reason(code))),
        ...(row.received || []).map((code) => h('div', { title: code, class: 'muted' },
          `As received: ${shownChecks[code]?.meaning || reason(code)}`))] },
  ];
}

// On paper all pages are shown, and pictures that nobody scrolled to are loaded.
function printing(on) {
  tables.forEach((one) => one.all(on));
  if (on) {
    place.querySelectorAll('.series-head img').forEach((image) => { image.loading = 'eager'; });
  }
}

window.addEventListener('beforeprint', () => printing(true));
window.addEventListener('afterprint', () => printing(false));

start();
