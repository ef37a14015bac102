// Building elements. Whatever comes from a DICOM file or from JSON becomes text or the
// value of a harmless attribute here, never markup: this is the only file that makes
// elements, and it knows no other way.

const SVG = 'http://www.w3.org/2000/svg';

const ATTRIBUTES = new Set([
  'alt', 'class', 'colspan', 'datetime', 'disabled', 'download', 'for', 'height', 'hidden',
  'href', 'id', 'loading', 'max', 'min', 'name', 'open', 'rel', 'role', 'scope', 'src', 'step',
  'tabindex', 'target', 'title', 'type', 'value', 'width',
]);

/** An HTML element; children are nodes, text, numbers, arrays of them, or nothing. */
export function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name === 'on') {
      for (const [event, listener] of Object.entries(value)) {
        element.addEventListener(event, listener);
      }
    } else if (value !== undefined && value !== null && value !== false) {
      set(element, name, value);
    }
  }
  append(element, children);
  return element;
}

/** An SVG element; attributes are ours alone, text is anybody's. */
export function svg(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    element.setAttribute(name, String(value));
  }
  append(element, children);
  return element;
}

function set(element, name, value) {
  if (!ATTRIBUTES.has(name) && !/^(aria|data)-[a-z-]+$/.test(name)) {
    throw new Error(`the attribute ${name} is not allowed`);
  }
  if ((name === 'href' || name === 'src') && !harmless(String(value))) {
    throw new Error(`${name} may not be ${value}`);
  }
  element.setAttribute(name, value === true ? '' : String(value));
}

// Our own relative addresses, and pictures.
function harmless(address) {
  return /^(\.\.\/|[a-z-]+\.html|#)/.test(address) ||
    /^data:image\/(jpeg|png);base64,[A-Za-z0-9+/=]*$/.test(address);
}

function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child !== undefined && child !== null && child !== false) {
      element.append(child instanceof Node ? child : document.createTextNode(String(child)));
    }
  }
}

const drawn = new WeakMap();

/**
 * Fill a part of the page, unless its data is what it was: nothing flickers, and what is
 * focused or opened stays so (by its id).
 */
export function fill(container, data, build) {
  const key = JSON.stringify(data);
  if (drawn.get(container) === key) {
    return;
  }
  drawn.set(container, key);
  const focused = container.contains(document.activeElement) ? document.activeElement.id : '';
  const opened = [...container.querySelectorAll('details[open][id]')].map((one) => one.id);
  container.replaceChildren(...[build(data)].flat(Infinity).filter(Boolean));
  for (const id of opened) {
    const again = document.getElementById(id);
    if (again) {
      again.open = true;
    }
  }
  if (focused) {
    document.getElementById(focused)?.focus({ preventScroll: true });
  }
}
