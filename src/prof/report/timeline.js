// SPDX-License-Identifier: GPL-2.0-or-later
// The timeline: for each hart its tasks, its traps and interrupts, and what happened at an instant.

const AXIS = 26, TASKS = 22, TRAPS = 10, EVENTS = 12, GAP = 12, SIDE = 64;
const KIND_COLOURS = {trap: '#b0578a', interrupt: '#cf5b3e', armed: '#7d8f55', fired: '#4f8a3c',
  marker: '#b8860b', wake: '#5b77c9'};

class Timeline {
  constructor(canvas, profile, events) {
    Object.assign(this, {canvas, profile, events, wakes: true, drag: null, hover: null});
    this.harts = Math.ceil(profile.tracks.length / TRACKS);
    this.end = Math.max(1, profile.run.ns, ...profile.tracks.map((track) =>
      track.count > 0 ? track.to[track.count - 1] : 0));
    this.view = [0, this.end];
    this.letters = new Letters('11.5px system-ui, sans-serif');
    this.colours = new Map();
    this.runs = this.runsByTask();
    this.draw = onceAFrame(() => this.drawNow());
    canvas.addEventListener('mousedown', (event) => this.dragBegin(event));
    window.addEventListener('mousemove', (event) => this.point(event));
    window.addEventListener('mouseup', (event) => this.dragEnd(event));
    canvas.addEventListener('mouseleave', () => tipHide());
    canvas.addEventListener('dblclick', () => this.zoomTo(0, this.end));
    canvas.addEventListener('wheel', (event) => this.wheel(event), {passive: false});
    canvas.addEventListener('keydown', (event) => this.key(event));
  }

  // By task when and where it began to run, in order of time.
  runsByTask() {
    const runs = this.profile.tasks.map(() => []);
    for (let hart = 0; hart < this.harts; hart++) {
      const track = this.profile.tracks[hart * TRACKS];
      for (let i = 0; i < track.count; i++) {
        if (track.task[i] >= 0) {
          runs[track.task[i]].push([track.from[i], hart]);
        }
      }
    }
    runs.forEach((list) => list.sort((a, b) => a[0] - b[0]));
    return runs;
  }

  // -- Where things are ---------------------------------------------------------------------------

  x(ns) {
    return SIDE + (ns - this.view[0]) * (this.width - SIDE) / (this.view[1] - this.view[0]);
  }

  ns(x) {
    return this.view[0] + (x - SIDE) * (this.view[1] - this.view[0]) / (this.width - SIDE);
  }

  top(hart, track) {
    const hartTop = AXIS + hart * (TASKS + TRAPS + EVENTS + GAP) + GAP / 2;
    return hartTop + [0, TASKS + 1, TASKS + TRAPS + 2][track];
  }

  // The first span of a track that ends behind a time.
  spanFrom(track, ns) {
    let low = 0, high = track.count;
    while (low < high) {
      const middle = low + high >> 1;
      if (track.to[middle] > ns || (track.to[middle] === ns && track.from[middle] === ns)) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return low;
  }

  inView(track, i) {
    return i < track.count && track.from[i] <= this.view[1];
  }

  // -- Drawing ------------------------------------------------------------------------------------

  drawNow() {
    const height = AXIS + this.harts * (TASKS + TRAPS + EVENTS + GAP) + GAP / 2;
    const context = canvasFit(this.canvas, height);
    this.width = this.canvas.parentElement.clientWidth;
    this.height = height;
    this.spans = 0;
    this.ink = cssColour('ink');
    this.soft = cssColour('soft');
    this.line = cssColour('line');
    context.clearRect(0, 0, this.width, height);
    context.textBaseline = 'middle';
    this.axisDraw(context);
    context.save();
    context.beginPath();
    context.rect(SIDE, 0, this.width - SIDE, height);
    context.clip();
    this.profile.tracks.forEach((track, idx) =>
      this.trackDraw(context, track, Math.floor(idx / TRACKS), idx % TRACKS));
    this.wakesDraw(context);
    this.dragDraw(context);
    context.restore();
    this.sideDraw(context);
    this.events.drawn(this);
  }

  axisDraw(context) {
    const span = this.view[1] - this.view[0], rough = span / Math.max(2, this.width / 130);
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = Math.max(1, [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough));
    context.strokeStyle = this.line;
    context.fillStyle = this.soft;
    context.font = '11.5px system-ui, sans-serif';
    context.lineWidth = 1;
    for (let at = Math.ceil(this.view[0] / step) * step; at <= this.view[1]; at += step) {
      const x = Math.round(this.x(at)) + 0.5;
      context.beginPath();
      context.moveTo(x, AXIS - 6);
      context.lineTo(x, this.height);
      context.stroke();
      context.fillText(timeText(at), x + 4, AXIS / 2 + 1);
    }
  }

  sideDraw(context) {
    context.font = '600 12px system-ui, sans-serif';
    for (let hart = 0; hart < this.harts; hart++) {
      context.fillStyle = this.ink;
      context.fillText('hart ' + hart, 18, this.top(hart, 0) + TASKS / 2);
    }
  }

  trackDraw(context, track, hart, which) {
    const y = this.top(hart, which), height = [TASKS, TRAPS, EVENTS][which];
    const last = {x: -2, weight: 0}; // of the narrow ones the one with the most time gets a dot
    for (let i = this.spanFrom(track, this.view[0]); this.inView(track, i); i++) {
      const x = this.x(track.from[i]), width = this.x(track.to[i]) - x;
      this.spans++;
      if (which === 2) {
        this.eventDraw(context, track, i, [x, y, width]);
      } else if (width >= 1) {
        this.spanDraw(context, track, i, [x, y, width, height]);
      } else if (x >= last.x + 1 || track.length[i] > last.weight) {
        context.fillStyle = this.colourOf(track, i);
        context.fillRect(Math.floor(x), y, 1, height);
        last.x = x >= last.x + 1 ? Math.floor(x) : last.x;
        last.weight = track.length[i];
      }
    }
  }

  spanDraw(context, track, i, [x, y, width, height]) {
    const idle = SPANS[track.kind[i]] === 'idle', from = Math.max(x, SIDE);
    context.fillStyle = this.colourOf(track, i);
    if (idle) {
      context.fillRect(x, y + height / 2 - 1, width, 2);
      return;
    }
    context.globalAlpha = track.many[i] > 1 ? 0.72 : 1;
    context.fillRect(x, y, Math.max(1, width - (width > 3 ? 0.75 : 0)), height);
    context.globalAlpha = 1;
    const room = Math.min(x + width, this.width) - from - 8;
    if (height === TASKS && room > 20) {
      context.fillStyle = isDark() ? '#f6efe3' : '#2a2118';
      this.letters.put(context, this.nameOf(track, i), from + 4, y + height / 2 + 0.5, room);
    }
  }

  eventDraw(context, track, i, [x, y, width]) {
    const kind = SPANS[track.kind[i]];
    context.fillStyle = KIND_COLOURS[kind];
    if (kind === 'wake' && !this.wakes) {
      return;
    }
    if (track.many[i] > 1) {
      context.fillRect(x, y + EVENTS / 2 - 1.5, Math.max(2, width), 3);
    } else {
      context.fillRect(Math.round(x) - 1, y + 2, 2, EVENTS - 4);
    }
  }

  // Arrows from who woke to where who was woken runs; only as long as they can be told apart.
  wakesDraw(context) {
    const arrows = [];
    for (let hart = 0; this.wakes && hart < this.harts; hart++) {
      const track = this.profile.tracks[hart * TRACKS + 2];
      for (let i = this.spanFrom(track, this.view[0]); this.inView(track, i); i++) {
        const single = SPANS[track.kind[i]] === 'wake' && track.many[i] === 1;
        const to = single ? this.runNext(track, i) : null;
        if (to) {
          arrows.push([track.from[i], hart, to[0], to[1]]);
        }
      }
    }
    this.arrows = arrows.length;
    context.strokeStyle = KIND_COLOURS.wake;
    context.lineWidth = 1;
    context.globalAlpha = 0.75;
    for (const [from, fromHart, to, toHart] of arrows.length <= 400 ? arrows : []) {
      const x = this.x(from), y = this.top(fromHart, 2) + EVENTS / 2;
      const toX = this.x(to), toY = this.top(toHart, 0) + TASKS / 2;
      context.beginPath();
      context.moveTo(x, y);
      context.bezierCurveTo(x + (toX - x) / 2, y, x + (toX - x) / 2, toY, toX, toY);
      context.stroke();
    }
    context.globalAlpha = 1;
  }

  runNext(track, i) {
    const runs = this.runs[track.task[i]] || [];
    let low = 0, high = runs.length;
    while (low < high) {
      const middle = low + high >> 1;
      if (runs[middle][0] >= track.from[i]) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return runs[low] || null;
  }

  dragDraw(context) {
    if (this.drag && Math.abs(this.drag.to - this.drag.from) > 2) {
      context.fillStyle = cssColour('accent');
      context.globalAlpha = 0.18;
      context.fillRect(Math.min(this.drag.from, this.drag.to), AXIS - 6,
        Math.abs(this.drag.to - this.drag.from), this.height);
      context.globalAlpha = 1;
    }
  }

  // -- Words and colours --------------------------------------------------------------------------

  nameOf(track, i) {
    const name = this.profile.span_names[track.name[i]], kind = SPANS[track.kind[i]];
    if (name !== '') {
      return name;
    }
    return track.task[i] >= 0 ? this.profile.tasks[track.task[i]][1] : kind;
  }

  colourOf(track, i) {
    const kind = SPANS[track.kind[i]];
    if (kind === 'idle') {
      return cssColour('idle');
    }
    if (kind !== 'task') {
      return KIND_COLOURS[kind];
    }
    const name = track.task[i] < 0 ? '' : this.profile.tasks[track.task[i]][1];
    if (!this.colours.has(name)) {
      this.colours.set(name, nameColour(name));
    }
    return this.colours.get(name);
  }

  restyle() {
    this.colours = new Map();
    this.draw();
  }

  // -- Zooming ------------------------------------------------------------------------------------

  zoomTo(from, to) {
    const length = Math.min(this.end, Math.max(100, to - from));
    const start = Math.max(0, Math.min(from, this.end - length)), before = [...this.view];
    this.goal = [start, start + length];
    const goal = this.goal;
    animate((part) => {
      if (this.goal === goal) {
        this.view = goal.map((ns, i) => before[i] + (ns - before[i]) * part);
        this.draw();
      }
    });
    tipHide();
  }

  zoomBy(factor, at) {
    const [from, to] = this.goal || this.view;
    const centre = at === undefined ? (from + to) / 2 : at;
    this.zoomTo(centre - (centre - from) * factor, centre + (to - centre) * factor);
  }

  pan(part) {
    const [from, to] = this.goal || this.view, by = (to - from) * part;
    this.zoomTo(from + by, to + by);
  }

  wheel(event) {
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      this.zoomBy(Math.exp(event.deltaY / 240), this.ns(this.place(event)[0]));
    } else if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      event.preventDefault();
      this.pan(event.deltaX / this.width);
    }
  }

  key(event) {
    const actions = {'+': () => this.zoomBy(0.5), '=': () => this.zoomBy(0.5),
      '-': () => this.zoomBy(2), ArrowLeft: () => this.pan(-0.2), ArrowRight: () => this.pan(0.2),
      Escape: () => this.zoomTo(0, this.end), Home: () => this.zoomTo(0, this.end)};
    if (actions[event.key] && !event.ctrlKey && !event.metaKey) {
      actions[event.key]();
      event.preventDefault();
    }
  }

  // -- The pointer --------------------------------------------------------------------------------

  place(event) {
    const area = this.canvas.getBoundingClientRect();
    return [event.clientX - area.left, event.clientY - area.top];
  }

  dragBegin(event) {
    const [x] = this.place(event);
    this.drag = event.button === 0 ? {from: Math.max(SIDE, x), to: Math.max(SIDE, x)} : null;
  }

  dragEnd() {
    const {drag} = this;
    this.drag = null;
    if (drag && Math.abs(drag.to - drag.from) > 4) {
      this.zoomTo(this.ns(Math.min(drag.from, drag.to)), this.ns(Math.max(drag.from, drag.to)));
    }
  }

  point(event) {
    const [x, y] = this.place(event);
    if (this.drag) {
      this.drag.to = Math.max(SIDE, Math.min(x, this.width));
      this.draw();
      tipHide();
    } else if (event.target === this.canvas) {
      this.tell(this.spanAt(x, y), event.clientX, event.clientY);
    }
  }

  spanAt(x, y) {
    for (let idx = 0; idx < this.profile.tracks.length; idx++) {
      const hart = Math.floor(idx / TRACKS), which = idx % TRACKS, top = this.top(hart, which);
      const track = this.profile.tracks[idx];
      if (x < SIDE || y < top || y >= top + [TASKS, TRAPS, EVENTS][which]) {
        continue;
      }
      const near = which === 2 ? 3 : 0.5, i = this.spanFrom(track, this.ns(x - near));
      const there = i < track.count && track.from[i] <= this.ns(x + near);
      return there ? {track, i, hart} : null;
    }
    return null;
  }

  tell(found, x, y) {
    if (!found) {
      tipHide();
      return;
    }
    const {track, i, hart} = found, kind = SPANS[track.kind[i]], {profile} = this;
    const lines = [`hart ${hart}, from ${timeText(track.from[i])}` +
      (track.length[i] > 0 ? `, for ${timeText(track.length[i])}` : '')];
    if (track.task[i] >= 0) {
      lines.unshift((kind === 'wake' ? 'wakes ' : '') + taskName(profile, track.task[i]));
    }
    if (kind === 'armed' || kind === 'fired') {
      lines.push('deadline ' + timeText(track.value[i]));
    } else if (kind === 'marker') {
      lines.push('value ' + numberText(track.value[i]));
    }
    if (track.many[i] > 1) {
      lines.push(`${numberText(track.many[i])} short ones drawn as one, with ` +
        `${timeText(track.busy[i])} in them; the longest is this`);
    }
    const titles = {trap: 'trap: ', interrupt: 'interrupt: ', armed: 'timer armed: ',
      fired: 'timer fired: ', marker: 'marker: ', wake: 'wake-up: '};
    tipShow(x, y, (titles[kind] || '') + this.nameOf(track, i), lines);
  }
}
