// The button that has the checks run again: a job of Orthanc, watched until it ends.

import { ORTHANC, TRANSCODER, ApiError, getJson, post } from './api.js';
import { h } from './dom.js';

const SECONDS = 1;
const ENDED = { Success: 'Checked.', Failure: 'The job failed.', Paused: 'The job was paused.' };

/**
 * A button, and beside it what became of it. Made once: when the job has succeeded, `done`
 * draws the page anew around it.
 */
export function checkAgain(level, id, done) {
  const said = h('span', { role: 'status', class: 'muted' });
  const button = h('button', { type: 'button', id: 'check', on: { click: start } }, 'Check again');
  let runs = false;
  return h('span', { class: 'check-again' }, button, said);

  async function start() {
    if (runs) {
      return;
    }
    busy(true);
    try {
      const job = await post(`${TRANSCODER}${level}/${id}/check`);
      await watch(String(job.ID));
    } catch (error) {
      if (!(error instanceof ApiError)) {
        throw error;
      }
      said.textContent = error.message;
    } finally {
      busy(false);
    }
  }

  // Not disabled, which would take the focus away from the keyboard's user.
  function busy(on) {
    runs = on;
    button.setAttribute('aria-disabled', String(on));
  }

  async function watch(job) {
    for (;;) {
      const state = await getJson(`${ORTHANC}jobs/${encodeURIComponent(job)}`);
      if (Object.hasOwn(ENDED, state.State)) {
        said.textContent = ENDED[state.State];
        if (state.State === 'Success') {
          const focused = document.activeElement === button;
          await done();
          if (focused) {
            button.focus();
          }
        }
        return;
      }
      said.textContent = `Checking: ${Number(state.Progress) || 0} %`;
      await new Promise((resolve) => { window.setTimeout(resolve, SECONDS * 1000); });
    }
  }
}
