// SPDX-License-Identifier: GPL-2.0-or-later
// The profile as it came, and the trees and tables that are made of it.
'use strict';

const MODES = ['user', 'kernel', 'mode 2', 'firmware'];
const SPANS = ['task', 'idle', 'trap', 'interrupt', 'armed', 'fired', 'marker', 'wake'];
const TRACKS = 3;

// -- What came ------------------------------------------------------------------------------------

function profileRead(text) {
  const came = JSON.parse(text);
  const count = came.contexts.back.length;
  const profile = {...came, count, parent: new Int32Array(count), root: new Int32Array(count)};
  for (let i = 0; i < count; i++) {
    const back = came.contexts.back[i];
    profile.parent[i] = back === 0 ? -1 : i - back;
    profile.root[i] = back === 0 ? i : profile.root[i - back];
  }
  profile.functionOf = came.contexts.function;
  profile.modeOf = came.contexts.mode;
  profile.selfOf = came.contexts.self;
  profile.callsOf = came.contexts.calls;
  profile.taskOf = (i) => came.contexts.function[profile.root[i]];
  profile.hartOf = (i) => came.contexts.mode[profile.root[i]];
  profile.processOf = (i) => came.tasks[profile.taskOf(i)][1];
  profile.sum = profile.selfOf.reduce((sum, self) => sum + self, 0);
  profile.tracks = came.tracks.map(trackUnpack);
  return profile;
}

function trackUnpack(packed) {
  const count = packed.gap.length;
  const track = {...packed, count, from: new Float64Array(count), to: new Float64Array(count)};
  let now = 0;
  for (let i = 0; i < count; i++) {
    now += packed.gap[i];
    track.from[i] = now;
    now += packed.length[i];
    track.to[i] = now;
  }
  return track;
}

function moduleOf(profile, fn) {
  const module = profile.function_modules[fn];
  return module < 0 ? '' : profile.modules[module];
}

function taskName(profile, task) {
  const [kind, process, thread, pid, tid] = profile.tasks[task];
  const name = thread && thread !== process ? process + ' / ' + thread : process;
  return kind === 'process' || kind === 'kernel thread' ? name + ' (' + (tid || pid) + ')' : name;
}

// -- Filters --------------------------------------------------------------------------------------

// Which contexts are wanted. Those of another process or hart are not there; those of another mode
// are passed over, so that what they called counts for their callers.
function contextWanted(profile, filter, i) {
  return (filter.process === '' || profile.processOf(i) === filter.process) &&
    (filter.hart === '' || profile.hartOf(i) === +filter.hart);
}

function modeWanted(filter, mode) {
  return filter.modes.has(mode);
}

// -- The tree -------------------------------------------------------------------------------------

// Contexts with the same way to them are one node; node 0 is all. A node has a function, or the
// name of a group that stands above functions.
class Tree {
  constructor(profile, filter, roots) {
    const room = 2 * profile.count + 2;
    this.profile = profile;
    this.count = 1;
    this.parent = new Int32Array(room).fill(-1);
    this.fn = new Int32Array(room).fill(-1); // below 0: a group
    this.mode = new Uint8Array(room);
    this.self = new Float64Array(room);
    this.calls = new Float64Array(room);
    this.depth = new Uint16Array(room);
    this.groups = new Map([[0, 'all']]); // by node
    this.build(filter, roots);
    this.addUp();
    this.order();
  }

  build(filter, roots) {
    const {profile} = this;
    const known = new Map(), groups = new Map();
    const nodes = new Int32Array(profile.count).fill(-1);
    const fns = profile.functions.length + 1;
    for (let i = 0; i < profile.count; i++) {
      const up = profile.parent[i];
      if (up < 0) {
        nodes[i] = contextWanted(profile, filter, i) ? this.groupOf(groups, roots, i) : -1;
        continue;
      }
      const above = nodes[up], mode = profile.modeOf[i];
      nodes[i] = above;
      if (above < 0 || !modeWanted(filter, mode)) {
        continue;
      }
      const key = (above * fns + profile.functionOf[i]) * 4 + mode;
      let node = known.get(key);
      if (node === undefined) {
        node = this.add(above);
        this.fn[node] = profile.functionOf[i];
        this.mode[node] = mode;
        known.set(key, node);
      }
      nodes[i] = node;
      this.self[node] += profile.selfOf[i];
      this.calls[node] += profile.callsOf[i];
    }
  }

  add(parent) {
    this.parent[this.count] = parent;
    this.depth[this.count] = this.depth[parent] + 1;
    return this.count++;
  }

  groupOf(groups, roots, i) {
    const {profile} = this;
    const name = roots === 'process' ? profile.processOf(i)
      : roots === 'thread' ? taskName(profile, profile.taskOf(i))
      : roots === 'hart' ? 'hart ' + profile.hartOf(i) : '';
    if (roots === 'all') {
      return 0;
    }
    if (!groups.has(name)) {
      groups.set(name, this.add(0));
      this.groups.set(groups.get(name), name);
    }
    return groups.get(name);
  }

  // Parents come before children: so one way back adds all up.
  addUp() {
    this.total = Float64Array.from(this.self);
    for (let i = this.count - 1; i > 0; i--) {
      this.total[this.parent[i]] += this.total[i];
    }
  }

  // Children by size, the greatest first, and where each begins, from 0 to total[0].
  order() {
    const bySize = new Uint32Array(this.count);
    for (let i = 0; i < this.count; i++) {
      bySize[i] = i;
    }
    const {total, parent} = this;
    bySize.sort((a, b) => total[a] - total[b] || b - a);
    this.first = new Int32Array(this.count).fill(-1);
    this.next = new Int32Array(this.count).fill(-1);
    for (const i of bySize) {
      if (i > 0) {
        this.next[i] = this.first[parent[i]];
        this.first[parent[i]] = i;
      }
    }
    this.start = new Float64Array(this.count);
    this.depthMax = 0;
    for (let i = 0; i < this.count; i++) {
      let at = this.start[i];
      this.depthMax = Math.max(this.depthMax, total[i] > 0 ? this.depth[i] : 0);
      for (let child = this.first[i]; child >= 0; child = this.next[child]) {
        this.start[child] = at;
        at += total[child];
      }
    }
  }

  name(node) {
    return this.fn[node] < 0 ? this.groups.get(node) : this.profile.functions[this.fn[node]];
  }

  path(node) {
    const path = [];
    for (; node >= 0; node = this.parent[node]) {
      path.unshift(node);
    }
    return path;
  }

  // What of all is in or below nodes whose names match; a match below a match counts once.
  matched(matches) {
    const inside = new Uint8Array(this.count);
    let total = 0, nodes = 0;
    for (let i = 0; i < this.count; i++) {
      const up = i > 0 && inside[this.parent[i]] === 1;
      const own = this.fn[i] >= 0 && matches(this.fn[i]);
      inside[i] = up || own ? 1 : 0;
      total += own && !up ? this.total[i] : 0;
      nodes += own ? 1 : 0;
    }
    return {total, nodes};
  }
}

// -- Tables ---------------------------------------------------------------------------------------

function outermost(tree, rowOf, node) {
  const row = rowOf[tree.fn[node]];
  for (let up = tree.parent[node]; up >= 0 && tree.fn[up] >= 0; up = tree.parent[up]) {
    if (rowOf[tree.fn[up]] === row) {
      return false;
    }
  }
  return true;
}

// A row for each function; of recursive calls the outermost has all.
function functionRows(tree) {
  const {profile} = tree;
  const rows = [], known = new Map(), rowOf = new Int32Array(profile.functions.length).fill(-1);
  for (let fn = 0; fn < profile.functions.length; fn++) {
    const module = moduleOf(profile, fn), key = profile.functions[fn] + '\0' + module;
    if (!known.has(key)) {
      known.set(key, rows.length);
      rows.push({name: profile.functions[fn], module, self: 0, total: 0, calls: 0});
    }
    rowOf[fn] = known.get(key);
  }
  for (let i = 1; i < tree.count; i++) {
    if (tree.fn[i] >= 0) {
      const row = rows[rowOf[tree.fn[i]]];
      row.self += tree.self[i];
      row.calls += tree.calls[i];
      row.total += outermost(tree, rowOf, i) ? tree.total[i] : 0;
    }
  }
  return rows.filter((row) => row.total > 0 || row.calls > 0);
}

// Sums of self by what a context is of.
function sumBy(profile, filter, nameOf) {
  const sums = new Map();
  for (let i = 0; i < profile.count; i++) {
    if (profile.parent[i] >= 0 && contextWanted(profile, filter, i) &&
        modeWanted(filter, profile.modeOf[i])) {
      const name = nameOf(i);
      sums.set(name, (sums.get(name) || 0) + profile.selfOf[i]);
    }
  }
  return [...sums].map(([name, self]) => ({name, self})).sort((a, b) => b.self - a.self);
}

// -- Words ----------------------------------------------------------------------------------------

function numberText(number) {
  return String(Math.round(number)).replace(/\B(?=(\d{3})+(?!\d))/g, '\u202f');
}

function shortNumber(number) {
  const units = [[1e12, 'T'], [1e9, 'G'], [1e6, 'M'], [1e3, 'k']];
  const unit = number < 10000 ? null : units.find(([size]) => number >= size);
  return unit ? (number / unit[0]).toPrecision(4) + '\u202f' + unit[1] : numberText(number);
}

function shareText(part, whole) {
  const digits = part / whole < 0.0995 ? 2 : 1;
  return whole === 0 ? '-' : (100 * part / whole).toFixed(digits) + '\u202f%';
}

function timeText(ns) {
  const units = [[1e9, 's'], [1e6, 'ms'], [1e3, 'µs']];
  const unit = units.find(([size]) => Math.abs(ns) >= size);
  return unit ? Number((ns / unit[0]).toPrecision(5)) + '\u202f' + unit[1] : ns + '\u202fns';
}

// How far a sampled share may be off: 4 sigma.
function errorText(profile, part) {
  const all = profile.sum, share = all === 0 ? 0 : part / all;
  return '±\u202f' + (400 * Math.sqrt(share * (1 - share) / Math.max(all, 1))).toFixed(2);
}

// The same number for the same text, always.
function hashText(text) {
  let hash = 2166136261;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 16777619);
  }
  return (hash ^ hash >>> 15) >>> 0;
}
