// Orthanc's REST API and the transcoder's, by relative addresses: /transcoder/app/ may lie
// below any prefix of a reverse proxy.

export const TRANSCODER = '../';
export const ORTHANC = '../../';

const ID = /^[0-9a-f]{8}(-[0-9a-f]{8}){4}$/;
const LEVELS = {
  instance: 'instances', instances: 'instances', series: 'series', study: 'studies',
  studies: 'studies', patient: 'patients', patients: 'patients',
};

/** An answer that is no 200, or none at all (status 0). */
export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export function isId(text) {
  return typeof text === 'string' && ID.test(text);
}

/** What the address of this page asks for: `{level, id}`, or null if it is no such thing. */
export function asked(standard) {
  const query = new URLSearchParams(window.location.search);
  const name = query.get('level') || standard;
  const level = Object.hasOwn(LEVELS, name) ? LEVELS[name] : null;
  const id = query.get('id');
  return level && isId(id) ? { level, id } : null;
}

export async function getJson(address) {
  return request(address, { headers: { Accept: 'application/json' } });
}

export async function post(address) {
  return request(address, { method: 'POST', headers: { Accept: 'application/json' } });
}

/** As `getJson`, for what a page can do without. */
export async function getIfThere(address) {
  try {
    return await getJson(address);
  } catch (error) {
    if (error instanceof ApiError) {
      return null;
    }
    throw error;
  }
}

async function request(address, options) {
  let response;
  try {
    response = await fetch(address, { cache: 'no-store', credentials: 'same-origin', ...options });
  } catch (error) {
    throw new ApiError(0, 'Orthanc does not answer.');
  }
  const values = await response.json().catch(() => null);
  if (!response.ok) {
    const said = values && typeof values.error === 'string' ? values.error : '';
    throw new ApiError(response.status, said || explanation(response.status));
  }
  if (values === null || typeof values !== 'object') {
    throw new ApiError(response.status, 'The answer is not JSON.');
  }
  return values;
}

function explanation(status) {
  const known = {
    401: 'You are not signed in to Orthanc.',
    403: 'Orthanc does not let you see this.',
    404: 'Orthanc has nothing at this address.',
  };
  return known[status] || `Orthanc answered with the error ${status}.`;
}
