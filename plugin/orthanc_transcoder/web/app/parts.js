// Small parts that several pages have.

import { ORTHANC } from './api.js';
import { h, svg } from './dom.js';
import { data, percent } from './format.js';
import { SEVERITIES, VERDICTS, outcome, syntaxName } from './words.js';

/** The verdict: a sign, a word and a colour, each of which suffices. */
export function verdictChip(verdict) {
  return chip(VERDICTS[verdict] ? verdict : 'NONE', VERDICTS);
}

/** How bad a finding is, in the same way. */
export function severityChip(severity) {
  return chip(SEVERITIES[severity] ? severity : 'NOTE', SEVERITIES);
}

function chip(name, words) {
  const known = words[name];
  return h('span', { class: `chip verdict-${name.toLowerCase()}`, title: known.says },
    h('span', { class: 'sign', 'aria-hidden': 'true' }, known.sign), known.name);
}

export function outcomeChip(name) {
  const known = outcome(name);
  return h('span', { class: 'outcome', title: known.says },
    h('span', { class: `swatch fill-${safe(name)}`, 'aria-hidden': 'true' }), known.name);
}

export function syntax(uid) {
  return h('span', { title: uid }, syntaxName(uid));
}

/** A part of a whole, as a bar. */
export function bar(share, kind) {
  const width = Math.max(0, Math.min(1, share || 0));
  return svg('svg', { class: 'bar', 'aria-hidden': 'true', focusable: 'false' },
    svg('rect', { class: 'bar-back', width: '100%', height: '100%', rx: 2 }),
    svg('rect', { class: `fill-${kind}`, width: `${100 * width}%`, height: '100%', rx: 2 }));
}

/** Parts of a whole side by side, with a legend that says the numbers. */
export function stacked(parts, label) {
  const total = parts.reduce((sum, part) => sum + part.count, 0);
  let start = 0;
  const pieces = parts.filter((part) => part.count).map((part) => {
    const piece = svg('rect', {
      class: `fill-${part.kind} piece`, height: '100%',
      x: `${(100 * start) / total}%`, width: `${(100 * part.count) / total}%`,
    });
    start += part.count;
    return piece;
  });
  return h('div', { class: 'stacked' },
    svg('svg', { class: 'stack', role: 'img', 'aria-label': label }, pieces),
    h('ul', { class: 'legend' }, parts.map((part) => h('li', { title: part.says },
      h('span', { class: `swatch fill-${part.kind}`, 'aria-hidden': 'true' }),
      part.name, ' ', h('b', {}, data(part.count)),
      h('span', { class: 'muted' }, ` ${percent(part.count, total)}`)))));
}

export function verdictParts(counts) {
  return Object.entries(VERDICTS)
    .filter(([code]) => counts[code] || code === 'PASS' || code === 'FAIL' || code === 'WARN')
    .map(([code, known]) => ({
      kind: `verdict-${code.toLowerCase()}`, name: known.name, count: counts[code] || 0, says: known.says,
    }));
}

export function tile(title, value, ...below) {
  return h('div', { class: 'tile' }, h('dt', {}, title), h('dd', {}, value),
    below.length ? h('dd', { class: 'below' }, below) : null);
}

export function panel(title, id, ...children) {
  return [h('h2', { id: `${id}-title` }, title), ...children];
}

export function message(kind, ...children) {
  return h('div', { class: `message ${kind}`, role: kind === 'bad' ? 'alert' : null }, children);
}

/** What is shown instead of a page that could not be loaded. */
export function failure(error) {
  const title = error.status === 404 ? 'Not found' : error.status === 0 ? 'No answer' : 'Error';
  return message('bad', h('h1', {}, title), h('p', {}, error.message),
    h('p', {}, h('a', { href: 'index.html' }, 'To the dashboard')));
}

export function notAsked() {
  return failure({ status: 404, message: 'The address names no image, series, study or patient.' });
}

/** An address in Orthanc Explorer. */
export function explorer(level, id) {
  const page = { instances: 'instance', series: 'series', studies: 'study', patients: 'patient' }[level];
  return `${ORTHANC}app/explorer.html#${page}?uuid=${id}`;
}

/** Where the report of a resource is shown. */
export function reportPage(level, id) {
  return level === 'instances' ? `instance.html?id=${id}` : `study.html?level=${level}&id=${id}`;
}

/** A picture that comes when it is looked at; what cannot be shown leaves a space. */
export function thumbnail(id, alt) {
  const image = h('img', {
    class: 'thumbnail', alt, loading: 'lazy', width: 64, height: 64,
    src: `${ORTHANC}instances/${id}/preview?returnUnsupportedImage`,
  });
  image.addEventListener('error', () => image.replaceWith(h('span', { class: 'thumbnail none' })));
  return image;
}

export function printButton() {
  return h('button', { type: 'button', on: { click: () => window.print() } }, 'Print');
}

function safe(name) {
  return /^[a-z]+$/.test(name) ? name : 'none';
}
