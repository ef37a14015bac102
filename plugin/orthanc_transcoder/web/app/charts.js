// Charts as plain SVG, drawn anew at the width that they have, each with its numbers in a
// table beside it.

import { h, svg } from './dom.js';
import { data, whole } from './format.js';
import { plain } from './tables.js';
import { OUTCOMES } from './words.js';

const DAY = 86400000;

/** An element that draws itself whenever its width changes. */
export function responsive(draw) {
  const element = h('div', { class: 'chart' });
  let width = 0;
  new ResizeObserver(() => {
    const now = Math.floor(element.clientWidth);
    if (now && now !== width) {
      width = now;
      element.replaceChildren(draw(now));
    }
  }).observe(element);
  return element;
}

/** Round steps for an axis from 0 to at least `greatest`. */
export function ticks(greatest, wanted) {
  const rough = Math.max(greatest, 1e-9) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((one) => one * power >= rough) * power;
  const count = Math.max(1, Math.ceil(greatest / step));
  return Array.from({ length: count + 1 }, (_, index) => index * step);
}

/** Outcomes by day, or by week or month where there are many days. */
export function overTime(byDay) {
  const { unit, bins } = inBins(byDay);
  if (!bins.length) {
    return h('p', { class: 'muted' }, 'Nothing has been stored yet.');
  }
  const kinds = Object.keys(OUTCOMES);
  const label = `Instances by ${unit} and outcome, ${bins[0].label} to ${bins.at(-1).label}; `
    + 'the numbers are in the table below.';
  return [
    responsive((width) => bars(bins, kinds, width, label)),
    h('ul', { class: 'legend' }, kinds.map((kind) => h('li', { title: OUTCOMES[kind].says },
      h('span', { class: `swatch fill-${kind}`, 'aria-hidden': 'true' }), OUTCOMES[kind].name))),
    h('details', { id: 'over-time-numbers' }, h('summary', {}, `Numbers by ${unit}`),
      plain(`Instances by ${unit} and outcome`, [
        { title: unit.charAt(0).toUpperCase() + unit.slice(1), head: true, cell: (bin) => bin.label },
        ...kinds.map((kind) => ({
          title: OUTCOMES[kind].name, numeric: true, cell: (bin) => data(bin[kind]),
        })),
      ], [...bins].reverse(), true)),
  ];
}

function inBins(byDay) {
  const days = byDay.filter((one) => /^\d{4}-\d{2}-\d{2}$/.test(one.day))
    .map((one) => ({ ...one, at: Date.parse(`${one.day}T00:00:00Z`) }))
    .sort((a, b) => a.at - b.at);
  if (!days.length) {
    return { unit: 'day', bins: [] };
  }
  const span = (days.at(-1).at - days[0].at) / DAY;
  const unit = span <= 45 ? 'day' : span <= 400 ? 'week' : 'month';
  const bins = new Map();
  // Days on which nothing came are part of the picture.
  for (let at = days[0].at; at <= days.at(-1).at; at += DAY) {
    const label = nameOf(at, unit);
    if (!bins.has(label)) {
      bins.set(label, { label, ...Object.fromEntries(Object.keys(OUTCOMES).map((kind) => [kind, 0])) });
    }
  }
  for (const one of days) {
    const bin = bins.get(nameOf(one.at, unit));
    for (const kind of Object.keys(OUTCOMES)) {
      bin[kind] += one[kind] || 0;
    }
  }
  return { unit, bins: [...bins.values()] };
}

// A week goes by its Monday.
function nameOf(at, unit) {
  const monday = at - ((new Date(at).getUTCDay() + 6) % 7) * DAY;
  const text = new Date(unit === 'week' ? monday : at).toISOString();
  return text.slice(0, unit === 'month' ? 7 : 10);
}

function bars(bins, kinds, width, label) {
  const box = { left: 52, top: 8, bottom: 24, height: 220 };
  const inner = { width: width - box.left - 4, height: box.height - box.top - box.bottom };
  const total = (bin) => kinds.reduce((sum, kind) => sum + bin[kind], 0);
  const steps = ticks(Math.max(...bins.map(total)), 4);
  const scale = inner.height / steps.at(-1);
  const slot = inner.width / bins.length;
  const thick = Math.max(1, Math.min(44, slot * 0.72));
  const base = box.top + inner.height;
  const lines = steps.map((step) => [
    svg('line', { class: 'grid', x1: box.left, x2: width, y1: base - step * scale, y2: base - step * scale }),
    svg('text', { class: 'axis', x: box.left - 8, y: base - step * scale + 4, 'text-anchor': 'end' }, short(step)),
  ]);
  const every = Math.ceil(bins.length / Math.max(1, Math.floor(inner.width / 62)));
  const columns = bins.map((bin, index) => {
    const x = box.left + slot * (index + 0.5) - thick / 2;
    let y = base;
    const pieces = kinds.filter((kind) => bin[kind]).map((kind) => {
      const height = bin[kind] * scale;
      y -= height;
      return svg('rect', { class: `fill-${kind} piece`, x, y, width: thick, height: Math.max(height, 1) });
    });
    const numbers = kinds.filter((kind) => bin[kind]).map((kind) => `${OUTCOMES[kind].name} ${whole(bin[kind])}`);
    return svg('g', {}, svg('title', {}, [bin.label, ...numbers].join('\n')),
      svg('rect', { class: 'reach', x: x - 2, y: box.top, width: thick + 4, height: inner.height }), pieces,
      index % every ? null : svg('text', { class: 'axis', x: x + thick / 2, y: box.height - 6, 'text-anchor': 'middle' },
        bin.label.length > 7 ? bin.label.slice(5) : bin.label));
  });
  return svg('svg', { width, height: box.height, role: 'img', 'aria-label': label }, lines, columns);
}

/** 12000 -> "12k" */
export function short(number) {
  if (number >= 1e6) {
    return `${number / 1e6}M`;
  }
  return number >= 1e4 ? `${number / 1e3}k` : String(Number(number.toPrecision(6)));
}
