// The curves of a lossy image: PSNR and maximum error of each frame, one above the other,
// with a slider that reads them out.

import { responsive, short, ticks } from './charts.js';
import { h, svg } from './dom.js';
import { decimal, whole } from './format.js';

const BOX = { left: 52, right: 10, height: 130, top: 22, bottom: 10, axis: 22 };

const CURVES = [
  { key: 'psnr', title: 'PSNR in dB (higher is better)', kind: 'psnr' },
  { key: 'maximum_error', title: 'Maximum error in stored units (lower is better)', kind: 'error' },
];

/** The chart of `frame_measures`, and its slider. */
export function frameCurves(frames, worst) {
  const readout = h('output', { id: 'frame-readout', for: 'frame-slider' });
  const slider = h('input', {
    type: 'range', id: 'frame-slider', min: 1, max: frames.length, step: 1, value: worst || 1,
    on: { input: () => point(Number(slider.value)) },
  });
  let marks = [];
  const chart = responsive((width) => {
    const drawn = draw(frames, width);
    marks = drawn.marks;
    drawn.picture.addEventListener('pointermove', (event) => {
      const x = event.clientX - drawn.picture.getBoundingClientRect().left;
      point(Math.max(1, Math.min(frames.length, drawn.frameAt(x))));
    });
    window.requestAnimationFrame(() => point(Number(slider.value)));
    return drawn.picture;
  });

  function point(number) {
    slider.value = String(number);
    const text = sentence(frames[number - 1], number);
    readout.textContent = text;
    slider.setAttribute('aria-valuetext', text);
    marks.forEach((mark) => mark(number));
  }

  point(Number(slider.value));
  return [chart, h('p', { class: 'slider' },
    h('label', { for: 'frame-slider' }, 'Frame '), slider, readout)];
}

function sentence(frame, number) {
  if (frame.psnr === null || frame.psnr === undefined) {
    return `Frame ${whole(number)}: equal to the original`;
  }
  return `Frame ${whole(number)}: PSNR ${decimal(frame.psnr, 1)} dB, maximum error ${whole(frame.maximum_error)}`;
}

function draw(frames, width) {
  const inner = width - BOX.left - BOX.right;
  const x = (number) => BOX.left + (frames.length === 1
    ? inner / 2 : ((number - 1) * inner) / (frames.length - 1));
  const panels = CURVES.map((curve, index) => panel(frames, curve, index * BOX.height, x, width));
  const height = CURVES.length * BOX.height + BOX.axis;
  const picture = svg('svg', {
    width, height, role: 'img',
    'aria-label': `PSNR and maximum error of each of ${whole(frames.length)} frames; the numbers are in the table below.`,
  }, panels.map((one) => one.group), numbers(frames.length, x, height));
  return {
    picture,
    marks: panels.map((one) => one.mark),
    frameAt: (at) => Math.round(((at - BOX.left) / Math.max(1, inner)) * (frames.length - 1)) + 1,
  };
}

function panel(frames, curve, offset, x, width) {
  const known = frames.map((frame) => frame[curve.key]).filter((value) => typeof value === 'number');
  const axis = scale(known, curve.key);
  const base = offset + BOX.height - BOX.bottom;
  const room = BOX.height - BOX.top - BOX.bottom;
  const at = (value) => base - ((value - axis[0]) / (axis.at(-1) - axis[0] || 1)) * room;
  // What equals the original has no PSNR: it is drawn at the top.
  const y = (frame) => (typeof frame[curve.key] === 'number' ? at(frame[curve.key]) : base - room);
  const points = frames.map((frame, index) => [x(index + 1), y(frame)]);
  const dots = frames.length <= 60
    ? points.map(([cx, cy]) => svg('circle', { class: `dot fill-${curve.kind}`, cx, cy, r: 2.5 })) : [];
  const cursor = svg('line', { class: 'cursor', y1: base - room, y2: base });
  const spot = svg('circle', { class: `spot fill-${curve.kind}`, r: 5 });
  const group = svg('g', {},
    svg('text', { class: 'axis name', x: BOX.left, y: offset + 12 }, curve.title),
    axis.map((value) => [
      svg('line', { class: 'grid', x1: BOX.left, x2: width - BOX.right, y1: at(value), y2: at(value) }),
      svg('text', { class: 'axis', x: BOX.left - 8, y: at(value) + 4, 'text-anchor': 'end' }, short(value)),
    ]),
    svg('polyline', { class: `curve line-${curve.kind}`, points: points.map((one) => one.join(',')).join(' ') }),
    dots, cursor, spot);
  const mark = (number) => {
    const [cx, cy] = points[number - 1];
    cursor.setAttribute('x1', cx);
    cursor.setAttribute('x2', cx);
    spot.setAttribute('cx', cx);
    spot.setAttribute('cy', cy);
  };
  return { group, mark };
}

// Errors begin at zero; of PSNR only the part in use is shown.
function scale(values, key) {
  if (!values.length) {
    return [0, 1];
  }
  const greatest = Math.max(...values);
  if (key !== 'psnr') {
    return ticks(greatest, 3);
  }
  const least = Math.min(...values);
  const step = ticks(Math.max(greatest - least, 1), 3)[1];
  const from = Math.floor(least / step) * step;
  const count = Math.max(1, Math.ceil((greatest - from) / step));
  return Array.from({ length: count + 1 }, (_, index) => from + index * step);
}

function numbers(count, x, height) {
  const shown = count === 1 ? [1] : [1, ...ticks(count, 6).filter((one) =>
    Number.isInteger(one) && one > 1 + count / 12 && one < count - count / 12), count];
  return shown.map((number) => svg('text', {
    class: 'axis', x: x(number), y: height - 6,
    'text-anchor': number === count && count > 1 ? 'end' : 'middle',
  }, whole(number)));
}
