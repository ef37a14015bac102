// Charts as plain SVG, drawn anew at the width that they have, each with its numbers in a
// table beside it.

import { h, svg } from './dom.js';
import { data, whole } from './format.js';
import { plain } from './tables.js';
import { OUTCOMES } from './words.js';

const DAY = 86400000;
const MOST_DAYS = 400;
const FEWEST_DAYS = 14;

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

/** Outcomes by day, as far back as the server tells. */
export function overTime(byDay) {
  const days = everyDay(byDay);
  if (!days.length) {
    return h('p', { class: 'muted' }, 'Nothing has been stored yet.');
  }
  const kinds = Object.keys(OUTCOMES);
  const label = `Instances by day and outcome, ${days[0].day} to ${days.at(-1).day}; `
    + 'the numbers are in the table below.';
  return [
    responsive((width) => bars(days, kinds, width, label)),
    h('ul', { class: 'legend' }, kinds.map((kind) => h('li', { title: OUTCOMES[kind].says },
      h('span', { class: `swatch fill-${kind}`, 'aria-hidden': 'true' }), OUTCOMES[kind].name))),
    h('details', { id: 'over-time-numbers' }, h('summary', {}, 'Numbers by day'),
      plain('Instances by day and outcome', [
        { title: 'Day', head: true, cell: (one) => one.day },
        ...kinds.map((kind) => ({
          title: OUTCOMES[kind].name, numeric: true, cell: (one) => data(one[kind] || 0),
        })),
      ], [...byDay].reverse(), true)),
  ];
}

// Days on which nothing came are part of the picture, unless there are too many to draw.
function everyDay(byDay) {
  const known = new Map(byDay.filter((one) => /^\d{4}-\d{2}-\d{2}$/.test(one.day))
    .map((one) => [Date.parse(`${one.day}T00:00:00Z`), one]));
  const at = [...known.keys()].sort((a, b) => a - b);
  if (!at.length || (at.at(-1) - at[0]) / DAY > MOST_DAYS) {
    return at.map((one) => known.get(one));
  }
  const first = Math.min(at[0], at.at(-1) - (FEWEST_DAYS - 1) * DAY);
  return Array.from({ length: (at.at(-1) - first) / DAY + 1 }, (_, index) => {
    const one = first + index * DAY;
    return known.get(one) || { day: new Date(one).toISOString().slice(0, 10) };
  });
}

function bars(days, kinds, width, label) {
  const box = { left: 52, top: 8, bottom: 24, height: 250 };
  const inner = { width: width - box.left - 4, height: box.height - box.top - box.bottom };
  const total = (day) => kinds.reduce((sum, kind) => sum + (day[kind] || 0), 0);
  const steps = ticks(Math.max(...days.map(total)), 4);
  const scale = inner.height / steps.at(-1);
  const slot = inner.width / days.length;
  const thick = Math.max(1, Math.min(44, slot * 0.72));
  const base = box.top + inner.height;
  const lines = steps.map((step) => [
    svg('line', { class: 'grid', x1: box.left, x2: width, y1: base - step * scale, y2: base - step * scale }),
    svg('text', { class: 'axis', x: box.left - 8, y: base - step * scale + 4, 'text-anchor': 'end' }, short(step)),
  ]);
  const every = Math.ceil(days.length / Math.max(1, Math.floor(inner.width / 62)));
  const named = (index) => (days.length - 1 - index) % every === 0;
  const columns = days.map((day, index) => {
    const x = box.left + slot * (index + 0.5) - thick / 2;
    let y = base;
    const pieces = kinds.filter((kind) => day[kind]).map((kind) => {
      const height = day[kind] * scale;
      y -= height;
      return svg('rect', { class: `fill-${kind} piece`, x, y, width: thick, height: Math.max(height, 1) });
    });
    const numbers = kinds.filter((kind) => day[kind]).map((kind) => `${OUTCOMES[kind].name} ${whole(day[kind])}`);
    return svg('g', {}, svg('title', {}, [day.day, ...numbers].join('\n')),
      svg('rect', { class: 'reach', x: x - 2, y: box.top, width: thick + 4, height: inner.height }), pieces,
      !named(index) ? null : svg('text', { class: 'axis', x: x + thick / 2, y: box.height - 6, 'text-anchor': 'middle' },
        day.day.slice(5)));
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
