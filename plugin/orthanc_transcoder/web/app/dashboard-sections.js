// What the dashboard is made of: each function gets values of the REST answers, and gives
// elements.

import { overTime } from './charts.js';
import { h } from './dom.js';
import { bytes, data, dataBytes, percent, plural, ratio, time as moment, whole } from './format.js';
import {
  bar, explorer, message, outcomeChip, panel, reportPage, severityChip, stacked, syntax, tile,
  verdictChip, verdictParts,
} from './parts.js';
import { isId } from './api.js';
import { plain } from './tables.js';
import { LANES, OUTCOMES, part, reason } from './words.js';

const TOP = 8;

/** What keeps the server from working as it should: a sentence, and what is known of it. */
export function problems(status) {
  const native = status.native_callbacks || {};
  const pool = status.workers || {};
  return [
    pool.unavailable && { sentence: `No worker is available, so nothing is transcoded: ${pool.unavailable}` },
    native.registered === false && { sentence: 'Only received instances are transcoded, because the '
      + `native interface of Orthanc is not used: ${native.reason || 'no reason is given'}` },
    ...(status.problems || []),
  ].filter(Boolean);
}

export function alerts(all) {
  return all.map((one) => message('bad',
    h('p', {}, one.part ? h('b', {}, `${part(one.part)}: `) : null, one.sentence),
    one.since ? h('p', { class: 'muted small' }, `Since ${moment(one.since)}`,
      one.count > 1 ? `, ${whole(one.count)} times since the start` : '') : null));
}

export function server({ status, system }) {
  const host = status.orthanc || {};
  return h('span', {}, system?.Name ? `${system.Name} · ` : '',
    `Orthanc ${host.version || '?'} · Transcoder ${status.version || '?'}`);
}

export function saved(report) {
  const before = report.source_bytes || 0;
  const after = report.result_bytes || 0;
  const difference = before - after;
  return panel('Storage', 'saved',
    h('p', { class: 'hero' },
      h('data', { value: difference, title: `${whole(difference)} bytes` }, bytes(Math.abs(difference))),
      h('small', {}, difference < 0 ? ' more than was received' : ' saved')),
    h('p', {}, bar(before ? after / before : 0, 'stored')),
    h('p', { class: 'muted' }, dataBytes(before), ' received, ', dataBytes(after), ' stored: ',
      percent(Math.abs(difference), before), difference < 0 ? ' more, ' : ' less, ', ratio(before, after)));
}

export function tiles({ report, status }) {
  const by = report.by_outcome || {};
  const verdicts = report.by_verdict || {};
  const lanes = status.workers?.waiting || {};
  const waiting = Object.values(lanes).reduce((sum, count) => sum + count, 0);
  const lossy = report.worst_psnr !== null && report.worst_psnr !== undefined;
  return h('dl', { class: 'tiles' },
    tile('Instances', data(report.instances || 0)),
    tile('Transcoded and verified', data(by.transcoded || 0), percent(by.transcoded || 0, report.instances)),
    tile('Declined', data(by.declined || 0), percent(by.declined || 0, report.instances)),
    tile('Transcoding failed', data(by.failed || 0), percent(by.failed || 0, report.instances)),
    tile('Verdict “Warning”', data(verdicts.WARN || 0), percent(verdicts.WARN || 0, report.instances)),
    tile('Verdict “Fail”', data(verdicts.FAIL || 0), percent(verdicts.FAIL || 0, report.instances)),
    tile('Waiting', data(waiting + (report.pending || 0)),
      `${plural(waiting, 'job')}, ${plural(report.pending || 0, 'check')}`),
    lossy ? tile('Worst PSNR', h('data', { value: report.worst_psnr }, `${report.worst_psnr} dB`),
      'greatest error ', data(report.greatest_error || 0))
      : tile('Worst PSNR', '–', 'nothing is lossy'));
}

export function modalities(values) {
  const rows = Object.entries(values).map(([name, one]) => ({
    name: name || 'none', ...one, saved: (one.source_bytes || 0) - (one.result_bytes || 0),
  })).sort((a, b) => b.saved - a.saved);
  const greatest = Math.max(1, ...rows.map((row) => row.source_bytes || 0));
  return panel('Storage by modality', 'modalities', rows.length ? plain('Storage by modality', [
    { title: 'Modality', head: true, cell: (row) => row.name },
    { title: 'Instances', numeric: true, cell: (row) => data(row.instances || 0) },
    { title: 'Received', numeric: true, cell: (row) => dataBytes(row.source_bytes) },
    { title: 'Stored', numeric: true, cell: (row) => dataBytes(row.result_bytes) },
    { title: 'Saved', numeric: true, cell: (row) => [dataBytes(row.saved), h('span', { class: 'muted' },
      ` ${percent(row.saved, row.source_bytes)}`)] },
    { title: 'Stored of received', class: 'wide', cell: (row) => pair(row, greatest) },
  ], rows, true) : nothing());
}

// Received behind stored, on one scale for all modalities.
function pair(row, greatest) {
  return h('span', { class: 'pair' },
    bar((row.source_bytes || 0) / greatest, 'received'), bar((row.result_bytes || 0) / greatest, 'stored'));
}

export function time(byDay) {
  return panel('Outcome over time', 'time', overTime(byDay));
}

export function outcomes({ outcomes: counts, codes }) {
  const parts = Object.entries(OUTCOMES).map(([kind, known]) => ({
    kind, name: known.name, count: counts[kind] || 0, says: known.says,
  }));
  return panel('Outcome', 'outcomes', stacked(parts, 'Instances by outcome'),
    h('h3', {}, 'Why instances were declined or failed'),
    counted('Reasons', 'Reason', codes, (code) => h('span', { title: code }, reason(code)), 'declined'));
}

export function syntaxes(counts) {
  return panel('Transfer syntaxes stored', 'syntaxes',
    counted('Transfer syntaxes', 'Transfer syntax', counts, syntax, 'transcoded'));
}

// Counts by code, the greatest first.
function counted(caption, title, counts, name, kind) {
  const rows = Object.entries(counts).sort((a, b) => b[1] - a[1]);
  if (!rows.length) {
    return nothing();
  }
  const total = rows.reduce((sum, [, count]) => sum + count, 0);
  const columns = [
    { title, head: true, cell: ([code]) => name(code) },
    { title: 'Instances', numeric: true, cell: ([, count]) => data(count) },
    { title: 'Share', class: 'wide', cell: ([, count]) => [bar(count / total, kind), h('span', { class: 'unseen' }, percent(count, total))] },
  ];
  return folded(caption, columns, rows);
}

// A table of which only the first rows are seen at once.
function folded(caption, columns, rows) {
  const rest = rows.slice(TOP);
  return [plain(caption, columns, rows.slice(0, TOP), true),
    rest.length ? h('details', { id: `${caption.replaceAll(' ', '-')}-rest` },
      h('summary', {}, `${plural(rest.length, 'other')}`),
      plain(`${caption}, the others`, columns, rest, true)) : null];
}

export function verdicts({ verdicts: counts, noted }) {
  return panel('Verdicts of the checks', 'verdicts', stacked(verdictParts(counts), 'Instances by verdict'),
    h('p', { class: 'muted' }, 'Of those that pass, ', data(noted || 0), ' with notes.'));
}

export function findings({ findings: counts, received, checks }) {
  const rows = Object.entries(counts);
  const isNote = ([code]) => checks[code]?.severity === 'NOTE';
  return panel('Findings', 'findings',
    counting('found', 'Findings', rows.filter((row) => !isNote(row)), checks)
      || h('p', { class: 'muted' }, 'Nothing was found.'),
    counting('notes', 'Notes', rows.filter(isNote), checks, h('h3', {}, 'Notes')),
    counting('received', 'What was wrong with received files', Object.entries(received), checks,
      h('h3', {}, 'What was wrong with received files')));
}

const RANKS = ['FAIL', 'WARN', 'NOTE'];

// How many instances have which findings, the worst first; null where none has any.
function counting(id, caption, found, checks, title) {
  const rank = ([code]) => RANKS.indexOf(checks[code]?.severity);
  const rows = found.sort((a, b) => rank(a) - rank(b) || b[1] - a[1]);
  const columns = [
    { title: 'Finding', head: true, cell: ([code]) => [
      h('a', { href: `checks.html#${encodeURIComponent(code)}`, id: `${id}-${code}` }, checks[code]?.meaning || reason(code)),
      h('code', { class: 'code' }, code)] },
    { title: 'Severity', cell: ([code]) => (checks[code] ? severityChip(checks[code].severity) : '') },
    { title: 'Instances', numeric: true, cell: ([, count]) => data(count) },
  ];
  return rows.length ? h('div', { id }, title || null, folded(caption, columns, rows)) : null;
}

export function workers({ status, pending }) {
  const pool = status.workers || {};
  const idle = Math.max(0, (pool.alive || 0) - (pool.busy || 0));
  const off = Math.max(0, (pool.configured || 0) - (pool.alive || 0));
  const lanes = Object.entries(pool.waiting || {});
  return panel('Workers and queue', 'workers',
    h('div', { class: 'slots', role: 'img', 'aria-label': `${pool.busy || 0} busy, ${idle} idle, ${off} not running` },
      slots(pool.busy, 'busy'), slots(idle, 'idle'), slots(off, 'off')),
    h('p', {}, data(pool.busy || 0), ' busy, ', data(idle), ' idle, ', data(off), ' not running'),
    plain('Queue and incidents', [
      { title: 'What', head: true, cell: ([name]) => name },
      { title: 'Number', numeric: true, cell: ([, count]) => data(count) },
    ], [
      ...lanes.map(([lane, count]) => [`Waiting: ${LANES[lane] || lane}`, count]),
      ['Instances not checked yet', pending || 0],
      ['Workers that died or hung, and were replaced', pool.deaths || 0],
      ['Files remembered for that', pool.remembered_files || 0],
      ['Requests refused because too many waited', pool.overloaded || 0],
      ...(status.quarantine ? [['Failed instances sent to the quarantine', status.quarantine.sent || 0],
        ['Failed instances not labelled, sent or deleted as they should be', status.quarantine.failed || 0]] : []),
    ], true),
    about(status));
}

// A slot for each worker; a machine has few.
function slots(count, kind) {
  return Array.from({ length: Math.min(count || 0, 128) }, () => h('span', { class: `slot ${kind}` }));
}

function about(status) {
  const codecs = status.codecs || {};
  const witnesses = codecs.witnesses || {};
  const missing = Object.entries(codecs.unavailable || {});
  return h('details', { id: 'about-codecs' },
    h('summary', {}, plural(Object.keys(codecs.available || {}).length, 'codec'),
      missing.length ? `, ${missing.length} not available` : ''),
    h('ul', { class: 'codecs' },
      Object.entries(codecs.available || {}).map(([name, codec]) => h('li', {}, name, ' ',
        h('span', { class: 'muted' }, codec.version))),
      missing.map(([name, why]) => h('li', {}, name, ' ', h('span', { class: 'muted' }, `not available: ${why}`))),
      Object.entries(witnesses.available || {}).map(([name, witness]) => h('li', {}, name, ' ',
        h('span', { class: 'muted' }, `${witness.version}, a witness`))),
      Object.entries(witnesses.unavailable || {}).map(([name, why]) => h('li', {}, name, ' ',
        h('span', { class: 'muted' }, `a witness that is not available: ${why}`)))));
}

export function failures({ failures: rows, checks }) {
  const known = rows.filter((row) => isId(row.id));
  return panel('Latest failures', 'failures', known.length ? plain('Latest failures, up to a hundred', [
    { title: 'Instance', head: true, cell: (row) => h('a', {
      href: reportPage('instances', row.id), id: `failure-${row.id}`, title: row.id,
    }, `${row.id.slice(0, 17)}…`) },
    { title: 'What', cell: (row) => (row.codes || []).map((code) => h('div', {},
      h('span', { title: code }, checks[code]?.meaning || reason(code)))) },
    { title: 'Outcome', cell: (row) => outcomeChip(row.outcome) },
    { title: 'Verdict', cell: (row) => verdictChip(row.verdict) },
    { title: 'More', cell: (row) => [
      isId(row.study) ? [h('a', { href: reportPage('studies', row.study) }, 'study'), ' · '] : null,
      h('a', { href: explorer('instances', row.id) }, 'Orthanc Explorer')] },
  ], known, true) : h('p', { class: 'muted' }, 'None: no transcoding failed, and no check ended in “Fail”.'));
}

function nothing() {
  return h('p', { class: 'muted' }, 'None.');
}
