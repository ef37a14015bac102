// Numbers as people read them. The exact value is always there, too: in a <data> element.

import { h } from './dom.js';

const WHOLE = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB'];

export function whole(number) {
  return WHOLE.format(number || 0);
}

export function decimal(number, digits) {
  return new Intl.NumberFormat('en', {
    minimumFractionDigits: digits, maximumFractionDigits: digits,
  }).format(number);
}

const SPACE = '\u00a0';
const MINUS = '\u2212';

/** 473000000 -> "473 MB"; decimal units, three digits. */
export function bytes(number) {
  let value = Math.abs(number || 0);
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${number < 0 ? MINUS : ''}${decimal(value, digits)}${SPACE}${UNITS[unit]}`;
}

export function percent(part, total) {
  if (!total) {
    return '–';
  }
  const share = (100 * part) / total;
  if (share !== 0 && Math.abs(share) < 0.1) {
    return `${share > 0 ? `<${SPACE}` : `>${SPACE}${MINUS}`}0.1${SPACE}%`;
  }
  const digits = Math.abs(share) >= 99.95 || share === 0 ? 0 : 1;
  return `${share < 0 ? MINUS : ''}${decimal(Math.abs(share), digits)}${SPACE}%`;
}

/** Original to result, as "2.72 : 1". */
export function ratio(before, after) {
  return before && after ? `${decimal(before / after, 2)}${SPACE}:${SPACE}1` : '–';
}

export function milliseconds(number) {
  return number >= 1000 ? `${decimal(number / 1000, 2)} s` : `${decimal(number || 0, 1)} ms`;
}

/** A number with its exact value. */
export function data(value, text) {
  return h('data', { value, title: text === String(value) ? null : exact(value) },
    text === undefined ? whole(value) : text);
}

export function dataBytes(value) {
  return h('data', { value: value || 0, title: `${whole(value)} bytes` }, bytes(value));
}

function exact(value) {
  return typeof value === 'number' && Number.isInteger(value) ? whole(value) : String(value);
}

/** "20260102" -> "2026-01-02"; anything else as it is. */
export function dicomDate(text) {
  const found = /^(\d{4})(\d{2})(\d{2})$/.exec(text || '');
  return found ? `${found[1]}-${found[2]}-${found[3]}` : text || '';
}

/** "DOE^JANE^^DR" -> "DOE, JANE, DR", the first of its representations. */
export function personName(text) {
  return String(text || '').split('=')[0].split('^').filter(Boolean).join(', ');
}

export function time(text) {
  const moment = new Date(text);
  return Number.isNaN(moment.getTime()) ? String(text || '') : moment.toLocaleString('en-GB', {
    year: 'numeric', month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit',
  });
}

export function plural(count, one, many) {
  return `${whole(count)} ${count === 1 ? one : many || `${one}s`}`;
}
