// Every check there is: what it means and what to do.

import { ApiError, getJson } from './api.js';
import { h } from './dom.js';
import { failure, severityChip } from './parts.js';
import { plain } from './tables.js';

const place = document.getElementById('checks');

try {
  const checks = Object.entries(await getJson('checks.json'));
  place.replaceChildren(plain('All checks', [
    { title: 'Check', head: true, cell: ([code, check]) => [
      h('span', { id: code, tabindex: -1 }, check.meaning), h('code', { class: 'code' }, code)] },
    { title: 'Severity', cell: ([, check]) => severityChip(check.severity) },
    { title: 'Who trips over it', cell: ([, check]) => check.readers },
    { title: 'What to do', cell: ([, check]) => check.advice },
    { title: 'DICOM', cell: ([, check]) => check.section },
  ], checks, true));
  mark();
  window.addEventListener('hashchange', mark);
} catch (error) {
  if (!(error instanceof ApiError)) {
    throw error;
  }
  place.replaceChildren(failure(error));
}

// The rows came after the browser looked for the one in the address.
function mark() {
  document.querySelector('tr.marked')?.classList.remove('marked');
  const asked = document.getElementById(decodeURIComponent(window.location.hash.slice(1)));
  if (asked && place.contains(asked)) {
    asked.closest('tr').classList.add('marked');
    asked.focus();
    asked.scrollIntoView({ block: 'center' });
  }
}
