// The button that has the checks run again: a job of Orthanc, watched until it ends.

import { ORTHANC, TRANSCODER, ApiError, getJson, post } from './api.js';
import { h } from './dom.js';

const SECONDS = 1;
const ENDED = { Success: 'Checked.', Failure: 'The job failed.', Paused: 'The job was paused.' };

/** A button and what became of it; `done` is called when the job has succeeded. */
export function checkAgain(level, id, done) {
  const said = h('span', { role: 'status', class: 'muted' });
  const button = h('button', { type: 'button', id: 'check', on: { click: start } }, 'Check again');
  return h('span', { class: 'check-again' }, button, said);

  async function start() {
    button.disabled = true;
    try {
      const job = await post(`${TRANSCODER}${level}/${id}/check`);
      await watch(String(job.ID));
    } catch (error) {
      if (!(error instanceof ApiError)) {
        throw error;
      }
      said.textContent = error.message;
    } finally {
      button.disabled = false;
    }
  }

  async function watch(job) {
    for (;;) {
      const state = await getJson(`${ORTHANC}jobs/${encodeURIComponent(job)}`);
      if (Object.hasOwn(ENDED, state.State)) {
        said.textContent = ENDED[state.State];
        if (state.State === 'Success') {
          done();
        }
        return;
      }
      said.textContent = `Checking: ${Number(state.Progress) || 0} %`;
      await new Promise((resolve) => { window.setTimeout(resolve, SECONDS * 1000); });
    }
  }
}
