// Tables that can be sorted by their headings, and leafed through where they are long.

import { h } from './dom.js';
import { whole } from './format.js';

let counter = 0;

/**
 * A table.
 *
 * @param columns `{key, title, value(row), cell(row), numeric, plain}`: `value` is what is
 *   sorted by (null last), `cell` what is shown, `plain` a column that is not sorted.
 * @param options `{caption, pageSize, sort: {key, descending}, hiddenCaption}`
 * @returns `{element, show(rows), all(on)}`: other rows; all pages at once, for printing.
 */
export function sortable(columns, options) {
  counter += 1;
  const state = {
    id: `table-${counter}`, columns, options, rows: [], page: 0, everything: false,
    sort: options.sort || { key: '', descending: false },
  };
  state.body = h('tbody');
  state.pager = h('nav', { class: 'pager', 'aria-label': `Pages of ${options.caption}` });
  state.headings = new Map();
  const heads = columns.map((column) => heading(state, column));
  const table = h('table', {},
    h('caption', { class: options.hiddenCaption ? 'unseen' : null }, options.caption),
    h('thead', {}, h('tr', {}, heads)), state.body);
  const element = h('div', { class: 'table' },
    h('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': options.caption }, table),
    state.pager);
  return {
    element,
    show(rows) {
      state.rows = rows;
      state.page = Math.min(state.page, Math.max(0, pages(state) - 1));
      draw(state);
    },
    all(on) {
      state.everything = on;
      draw(state);
    },
  };
}

/** A table that stays as it is. */
export function plain(caption, columns, rows, hiddenCaption) {
  return h('div', { class: 'scroll' }, h('table', {},
    h('caption', { class: hiddenCaption ? 'unseen' : null }, caption),
    h('thead', {}, h('tr', {}, columns.map((column) =>
      h('th', { scope: 'col', class: column.numeric ? 'number' : null }, column.title)))),
    h('tbody', {}, rows.map((row) => line(columns, row)))));
}

/** Names and values, one below the other. */
export function facts(caption, pairs) {
  return h('table', { class: 'facts' }, h('caption', { class: 'unseen' }, caption), h('tbody', {},
    pairs.filter(Boolean).map(([name, value]) =>
      h('tr', {}, h('th', { scope: 'row' }, name), h('td', {}, value)))));
}

function heading(state, column) {
  if (column.plain) {
    return h('th', { scope: 'col' },
      column.unseen ? h('span', { class: 'unseen' }, column.title) : column.title);
  }
  const button = h('button', {
    type: 'button', id: `${state.id}-${column.key}`, class: 'sort',
    on: { click: () => sortBy(state, column.key) },
  }, column.title, h('span', { class: 'arrow', 'aria-hidden': 'true' }));
  const cell = h('th', { scope: 'col', class: column.numeric ? 'number' : null }, button);
  state.headings.set(column.key, cell);
  return cell;
}

function sortBy(state, key) {
  const again = state.sort.key === key;
  state.sort = { key, descending: again ? !state.sort.descending : false };
  state.page = 0;
  draw(state);
}

function draw(state) {
  for (const [key, cell] of state.headings) {
    if (key === state.sort.key) {
      cell.setAttribute('aria-sort', state.sort.descending ? 'descending' : 'ascending');
    } else {
      cell.removeAttribute('aria-sort');
    }
  }
  const size = state.options.pageSize;
  const rows = sorted(state);
  const shown = state.everything || !size
    ? rows : rows.slice(state.page * size, (state.page + 1) * size);
  state.body.replaceChildren(...shown.map((row) => line(state.columns, row)));
  if (!shown.length) {
    state.body.append(h('tr', {}, h('td', { colspan: state.columns.length, class: 'muted' }, 'None.')));
  }
  leaf(state);
}

function sorted(state) {
  const column = state.columns.find((one) => one.key === state.sort.key);
  if (!column) {
    return state.rows;
  }
  const sign = state.sort.descending ? -1 : 1;
  return [...state.rows].sort((a, b) => compare(column.value(a), column.value(b), sign));
}

// What has no value is last either way.
function compare(a, b, sign) {
  if (a === null || a === undefined || b === null || b === undefined) {
    return (a === null || a === undefined) - (b === null || b === undefined);
  }
  return sign * (typeof a === 'number' && typeof b === 'number'
    ? a - b : String(a).localeCompare(String(b), 'en', { numeric: true }));
}

function line(columns, row) {
  return h('tr', {}, columns.map((column, index) => {
    const attributes = { class: [column.numeric ? 'number' : '', column.class || ''].join(' ').trim() || null };
    return column.head
      ? h('th', { scope: 'row', ...attributes }, column.cell(row))
      : h('td', attributes, column.cell(row, index));
  }));
}

function pages(state) {
  return state.options.pageSize ? Math.ceil(state.rows.length / state.options.pageSize) : 1;
}

function leaf(state) {
  const count = pages(state);
  state.pager.hidden = count < 2 || state.everything;
  const turn = (by, text) => h('button', {
    type: 'button', id: `${state.id}-${text}`,
    'aria-disabled': state.page + by < 0 || state.page + by >= count ? 'true' : null,
    on: {
      click: () => {
        state.page = Math.max(0, Math.min(count - 1, state.page + by));
        draw(state);
        document.getElementById(`${state.id}-${text}`).focus();
      },
    },
  }, text);
  const size = state.options.pageSize;
  const last = Math.min(state.rows.length, (state.page + 1) * size);
  state.pager.replaceChildren(turn(-1, 'Previous'), turn(1, 'Next'), h('span', { role: 'status' },
    `${whole(state.page * size + 1)} to ${whole(last)} of ${whole(state.rows.length)}`));
}
