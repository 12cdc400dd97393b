// SPDX-License-Identifier: GPL-2.0-or-later
// The flame graph: a tree of nodes, each as wide as all that it stands for. What is too narrow to
// be seen is drawn as one with its like, and counted.

const ROW = 20, NARROW = 0.8;

class Flame {
  constructor(canvas, events) {
    this.canvas = canvas;
    this.events = events; // zoomed(node), drawn(flame)
    this.letters = new Letters('12px ' + MONO);
    this.up = false; // flames go up, icicles down
    this.colour = 'mode';
    this.matches = null;
    this.draw = onceAFrame(() => this.drawNow());
    canvas.addEventListener('mousemove', (event) => this.point(event));
    canvas.addEventListener('mouseleave', () => this.leave());
    canvas.addEventListener('click', (event) => this.click(event));
    canvas.addEventListener('keydown', (event) => this.key(event));
  }

  show(tree) {
    this.tree = tree;
    this.zoomed = 0;
    this.chosen = -1;
    this.hover = null;
    this.view = [0, tree.total[0]];
    this.colours = new Map();
    this.rows = this.depthBelow(0) + 1;
    this.draw();
  }

  restyle() {
    this.colours = new Map();
    this.draw();
  }

  // How many rows the drawing has below a node.
  depthBelow(node) {
    const {tree} = this, end = tree.start[node] + tree.total[node];
    let deepest = tree.depth[node];
    for (let i = 0; i < tree.count; i++) {
      if (tree.total[i] > 0 && tree.start[i] >= tree.start[node] && tree.start[i] < end) {
        deepest = Math.max(deepest, tree.depth[i]);
      }
    }
    return deepest;
  }

  // -- Drawing ------------------------------------------------------------------------------------

  drawNow() {
    const {tree, canvas} = this;
    if (!tree) {
      return;
    }
    const height = this.rows * ROW + 2;
    const context = canvasFit(canvas, height);
    this.width = canvas.parentElement.clientWidth;
    this.height = height;
    context.clearRect(0, 0, this.width, height);
    context.textBaseline = 'middle';
    this.boxes = []; // what is drawn: [x, y, width, node, how many nodes, their total]
    this.drawn = 0;
    this.merged = 0;
    this.marked = cssColour('mark');
    this.ink = isDark() ? '#f6efe3' : '#2a2118';
    this.rest = isDark() ? '#37312a' : '#ddd5c8';
    this.paper = cssColour('card');
    if (tree.total[0] > 0) {
      this.nodesDraw(context);
      this.outlineDraw(context);
    }
    this.events.drawn(this);
  }

  y(depth) {
    return this.up ? this.height - (depth + 1) * ROW - 1 : depth * ROW + 1;
  }

  // Down the tree; of brothers that are too narrow all that follow are, too.
  nodesDraw(context) {
    const {tree, view} = this, scale = this.width / (view[1] - view[0]);
    const waiting = [0];
    while (waiting.length > 0) {
      const node = waiting.pop();
      this.nodeDraw(context, node, scale);
      let rest = 0, count = 0, from = 0;
      for (let child = tree.first[node]; child >= 0; child = tree.next[child]) {
        const start = tree.start[child], end = start + tree.total[child];
        if (end <= view[0] || start >= view[1]) {
          continue;
        }
        if (tree.total[child] * scale >= NARROW) {
          waiting.push(child);
        } else if (tree.total[child] > 0) {
          from = count === 0 ? start : from;
          rest += tree.total[child];
          count++;
        }
      }
      if (count > 0) {
        this.restDraw(context, {node, from, rest, count}, scale);
      }
    }
  }

  span(start, total, scale) {
    const x = Math.max(0, (start - this.view[0]) * scale);
    return [x, Math.min(this.width, (start + total - this.view[0]) * scale) - x];
  }

  nodeDraw(context, node, scale) {
    const {tree} = this, [x, width] = this.span(tree.start[node], tree.total[node], scale);
    const y = this.y(tree.depth[node]);
    if (y < -ROW || y > this.height) {
      return;
    }
    this.drawn++;
    this.boxes.push([x, y, width, node, 1, tree.total[node]]);
    const matched = this.matches !== null && tree.fn[node] >= 0 && this.matches[tree.fn[node]];
    context.globalAlpha = tree.depth[node] < tree.depth[this.zoomed] ? 0.55 : 1;
    context.fillStyle = matched ? this.marked
      : this.matches !== null ? this.rest : this.colourOf(node);
    context.fillRect(x, y, Math.max(0.5, width - (width > 3 ? 1 : 0)), ROW - 1);
    if (width > 24) {
      context.fillStyle = matched ? '#fff' : this.ink;
      this.letters.put(context, tree.name(node), x + 5, y + ROW / 2, width - 10);
    }
    context.globalAlpha = 1;
  }

  restDraw(context, {node, from, rest, count}, scale) {
    const [x, width] = this.span(from, rest, scale), y = this.y(this.tree.depth[node] + 1);
    this.merged += count;
    this.boxes.push([x, y, width, node, count, rest]);
    context.fillStyle = this.rest;
    context.fillRect(x, y, Math.max(0.5, width), ROW - 1);
  }

  outlineDraw(context) {
    const box = this.hover || this.boxOf(this.chosen);
    if (box) {
      context.strokeStyle = cssColour('ink');
      context.lineWidth = 1.5;
      context.strokeRect(box[0] + 0.5, box[1] + 0.5, Math.max(1, box[2] - 2), ROW - 2);
    }
  }

  boxOf(node) {
    return this.boxes.find((box) => box[3] === node && box[4] === 1);
  }

  colourOf(node) {
    const {tree} = this;
    if (tree.fn[node] < 0) {
      return isDark() ? '#4a4238' : '#e9dfcd';
    }
    const key = tree.fn[node] * 4 + tree.mode[node];
    if (!this.colours.has(key)) {
      this.colours.set(key, this.colour === 'module'
        ? nameColour(moduleOf(tree.profile, tree.fn[node]))
        : modeColour(tree.mode[node], tree.name(node)));
    }
    return this.colours.get(key);
  }

  // -- Zooming ------------------------------------------------------------------------------------

  zoom(node) {
    const {tree} = this;
    if (!tree || tree.total[node] === 0) {
      return;
    }
    const from = [...this.view], to = [tree.start[node], tree.start[node] + tree.total[node]];
    this.zoomed = node;
    this.chosen = node;
    this.hover = null;
    this.rows = this.depthBelow(node) + 1;
    animate((part) => {
      if (this.zoomed === node && this.tree === tree) {
        this.view = [from[0] + (to[0] - from[0]) * part, from[1] + (to[1] - from[1]) * part];
        this.draw();
      }
    });
    this.events.zoomed(node);
    tipHide();
  }

  search(matches) {
    this.matches = matches;
    this.draw();
  }

  turn(up) {
    this.up = up;
    this.draw();
    const around = this.canvas.parentElement;
    requestAnimationFrame(() => {
      around.scrollTop = up ? around.scrollHeight : 0;
    });
  }

  // -- Pointer and keys ---------------------------------------------------------------------------

  boxAt(event) {
    const area = this.canvas.getBoundingClientRect();
    const x = event.clientX - area.left, y = event.clientY - area.top;
    return (this.boxes || []).find((box) => y >= box[1] && y < box[1] + ROW &&
      x >= box[0] && x < box[0] + Math.max(1, box[2])) || null;
  }

  point(event) {
    const box = this.boxAt(event);
    if (box !== this.hover) {
      this.hover = box;
      this.draw();
    }
    this.canvas.style.cursor = box && box[4] === 1 ? 'pointer' : 'default';
    if (box) {
      this.tell(box, event.clientX, event.clientY);
    } else {
      tipHide();
    }
  }

  leave() {
    this.hover = null;
    this.draw();
    tipHide();
  }

  tell([, , , node, count, total], x, y) {
    const {tree} = this, {unit} = tree.profile.run;
    const share = `${numberText(total)} ${unit}, ` +
      `${shareText(total, tree.total[0])} of what is shown`;
    if (count > 1 || total !== tree.total[node]) {
      tipShow(x, y, `${numberText(count)} called by ${tree.name(node)}`,
        [share, 'too narrow to be drawn: zoom in']);
      return;
    }
    const fn = tree.fn[node], lines = [share];
    if (fn >= 0) {
      const module = moduleOf(tree.profile, fn);
      lines.unshift(`${module || 'unknown module'}, ${MODES[tree.mode[node]]}`);
      lines.push(`${numberText(tree.self[node])} of its own` +
        (tree.calls[node] > 0 ? `, ${numberText(tree.calls[node])} calls` : ''));
    }
    if (tree.profile.run.kind === 'sampled') {
      lines.push(errorText(tree.profile, total) + ' points (4 sigma)');
    }
    tipShow(x, y, tree.name(node), lines);
  }

  click(event) {
    const box = this.boxAt(event);
    if (box) {
      this.zoom(box[3]);
    }
  }

  key(event) {
    const {tree} = this, node = this.chosen < 0 ? this.zoomed : this.chosen;
    const down = this.up ? 'ArrowUp' : 'ArrowDown', up = this.up ? 'ArrowDown' : 'ArrowUp';
    const steps = {
      [down]: () => tree.first[node],
      [up]: () => tree.parent[node],
      ArrowRight: () => tree.next[node],
      ArrowLeft: () => this.brotherBefore(node),
    };
    if (event.key === 'Enter') {
      this.zoom(node);
    } else if (event.key === 'Escape') {
      this.zoom(0);
    } else if (steps[event.key]) {
      const to = steps[event.key]();
      this.choose(to >= 0 && tree.total[to] > 0 ? to : node);
    } else {
      return;
    }
    event.preventDefault();
  }

  brotherBefore(node) {
    const {tree} = this;
    let before = -1, at = node > 0 ? tree.first[tree.parent[node]] : -1;
    while (at >= 0 && at !== node) {
      before = at;
      at = tree.next[at];
    }
    return before;
  }

  choose(node) {
    this.chosen = node;
    this.drawNow();
    const box = this.boxOf(node);
    const area = this.canvas.getBoundingClientRect();
    if (box) {
      this.tell(box, area.left + box[0] + Math.min(box[2], 40), area.top + box[1]);
    }
  }
}
