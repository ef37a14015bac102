// The dashboard: loads what the server says, again every five seconds while it is seen.

import { ORTHANC, TRANSCODER, ApiError, getIfThere, getJson } from './api.js';
import * as sections from './dashboard-sections.js';
import { fill } from './dom.js';
import { failure } from './parts.js';

const SECONDS = 5;
const live = document.getElementById('live');
const trouble = document.getElementById('trouble');
let timer = 0;
let checks = null;
let loaded = false;

function place(id, values, build) {
  fill(document.getElementById(id), values, build);
}

async function load() {
  const [report, status, system] = await Promise.all([
    getJson(`${TRANSCODER}report`), getJson(`${TRANSCODER}status`), getIfThere(`${ORTHANC}system`),
  ]);
  checks = checks || await getIfThere('checks.json') || {};
  draw(report, status, system);
}

function draw(report, status, system) {
  place('alerts', sections.problems(status), sections.alerts);
  place('server', { status, system }, sections.server);
  place('saved', report, sections.saved);
  place('tiles', { report, status }, sections.tiles);
  place('modalities', report.by_modality || {}, sections.modalities);
  place('time', report.by_day || [], sections.time);
  place('outcomes', { outcomes: report.by_outcome || {}, codes: report.by_code || {} }, sections.outcomes);
  place('syntaxes', report.by_syntax || {}, sections.syntaxes);
  place('verdicts', { verdicts: report.by_verdict || {}, noted: report.noted }, sections.verdicts);
  place('findings', { findings: report.findings || {}, received: report.received || {}, checks }, sections.findings);
  place('workers', { status, pending: report.pending }, sections.workers);
  place('failures', { failures: report.failures || [], checks }, sections.failures);
}

async function refresh() {
  window.clearTimeout(timer);
  try {
    await load();
    loaded = true;
    document.body.classList.add('ready');
    fill(trouble, null, () => []);
    live.textContent = `Live · ${new Date().toLocaleTimeString('en-GB')}`;
    live.className = 'live on';
  } catch (error) {
    if (!(error instanceof ApiError)) {
      throw error;
    }
    live.textContent = 'Not live';
    live.className = 'live off';
    fill(trouble, error.message, () => failure({
      status: error.status,
      message: loaded ? `${error.message} What is shown below is what was known before.` : error.message,
    }));
  } finally {
    if (document.visibilityState === 'visible') {
      timer = window.setTimeout(refresh, SECONDS * 1000);
    }
  }
}

document.addEventListener('visibilitychange', () => {
  window.clearTimeout(timer);
  if (document.visibilityState === 'visible') {
    refresh();
  }
});

refresh();
