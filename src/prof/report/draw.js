// SPDX-License-Identifier: GPL-2.0-or-later
// What both drawings need: elements, colours, a sharp canvas, the box that follows the pointer.

// -- Elements: text is only ever text ------------------------------------------------------------

function byId(id) {
  return document.getElementById(id);
}

function make(name, attributes, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key.startsWith('on')) {
      element.addEventListener(key.slice(2), value);
    } else if (value !== undefined && value !== false) {
      element.setAttribute(key, value === true ? '' : value);
    }
  }
  element.append(...children);
  return element;
}

function makeSvg(name, attributes, ...children) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes || {})) {
    element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

function dot(colour) {
  const element = make('span', {class: 'dot'});
  element.style.background = colour;
  return element;
}

// -- Colours --------------------------------------------------------------------------------------

// Hues of what code is of; a name moves its own a little.
const HUES = {user: [28, 22], kernel: [196, 20], firmware: [264, 14], 'mode 2': [330, 10]};

function isDark() {
  return document.documentElement.classList.contains('dark');
}

function paint(hue, shift, strength) {
  return isDark() ? `hsl(${hue} ${34 * strength}% ${34 + shift * 9}%)`
    : `hsl(${hue} ${62 * strength}% ${73 + shift * 9}%)`;
}

function modeColour(mode, name) {
  const [hue, width] = HUES[MODES[mode]], hash = hashText(name);
  return paint(hue + (hash % 1000 / 1000 - 0.5) * 2 * width, (hash >>> 10) % 100 / 100, 1);
}

function nameColour(name) {
  const hash = hashText(name);
  return paint(hash % 360, (hash >>> 10) % 100 / 100, 0.9);
}

function cssColour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim();
}

// -- The canvas -----------------------------------------------------------------------------------

// As many dots as the screen has. @return the context, in units of the page.
function canvasFit(canvas, height) {
  const scale = window.devicePixelRatio || 1, width = canvas.parentElement.clientWidth;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    canvas.style.height = height + 'px';
  }
  const context = canvas.getContext('2d');
  context.setTransform(scale, 0, 0, scale, 0, 0);
  return context;
}

// Text cut to a width; each text is measured once.
class Letters {
  constructor(font) {
    this.font = font;
    this.widths = new Map();
  }

  put(context, text, x, y, room) {
    context.font = this.font;
    if (!this.widths.has(text)) {
      this.widths.set(text, context.measureText(text).width);
    }
    const width = this.widths.get(text), fits = Math.floor(text.length * room / width) - 1;
    if (width <= room) {
      context.fillText(text, x, y);
    } else if (fits >= 2) {
      context.fillText(text.slice(0, fits) + '…', x, y);
    }
  }
}

const MONO = 'ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, ' +
  '"DejaVu Sans Mono", monospace';

// One drawing in each frame of the screen, however often it is asked for.
function onceAFrame(draw) {
  let asked = false;
  return () => {
    if (!asked) {
      asked = true;
      requestAnimationFrame(() => {
        asked = false;
        draw();
      });
    }
  };
}

// Calls step with 0 to 1, slowing down, and with 1 at last.
function animate(step) {
  if (window.matchMedia('(prefers-reduced-motion: reduce)').matches || document.hidden) {
    step(1);
    return;
  }
  const began = performance.now();
  const frame = (now) => {
    const part = Math.min(1, (now - began) / 220);
    step(1 - (1 - part) ** 3);
    if (part < 1) {
      requestAnimationFrame(frame);
    }
  };
  requestAnimationFrame(frame);
}

// -- The box --------------------------------------------------------------------------------------

function tipShow(x, y, title, lines) {
  const tip = byId('tip');
  tip.replaceChildren(make('b', null, title), ...lines.map((line) => make('div', null, line)));
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  tip.style.left = Math.max(8, Math.min(x + 14, innerWidth - box.width - 8)) + 'px';
  const below = y + 18 + box.height <= innerHeight;
  tip.style.top = (below ? y + 18 : Math.max(8, y - box.height - 12)) + 'px';
}

function tipHide() {
  byId('tip').hidden = true;
}
