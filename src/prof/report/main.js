// SPDX-License-Identifier: GPL-2.0-or-later
// The page: what is shown, and what happens when somebody asks for something else.

const profile = profileRead(byId('profile').textContent);
const filter = {process: '', hart: '', modes: new Set([0, 1, 2, 3])};
const state = {tree: null, table: 'functions'};

// -- Summary --------------------------------------------------------------------------------------

const KINDS = {
  callers: ['Every step counted, with callers',
    'Each instruction that was executed is in here, under the functions that called it. '],
  flat: ['Every step counted', 'Each instruction that was executed is in here, by function. '],
  sampled: ['Sampled', ''],
  uncounted: ['What happened when', 'Steps were not counted. '],
};

const CLASSES = {
  exact: 'The run was exact: every timer fired at its step, and the same run gives the same ' +
    'numbers, on any host, every time.',
  'quantum-bounded': 'The run was quantum-bounded: harts kept together within a bound, and ' +
    'another run may differ.',
  'host-timed': 'The run was host-timed: the host’s clock had a say in it, and another run ' +
    'will differ.',
};

// Steps in the windows; all of them, where a profile says nothing of windows.
function stepsCovered() {
  const {run, windows, functions} = profile;
  return run.kind === 'uncounted' || (windows.length === 0 && functions.length > 0) ? run.steps :
    windows.reduce((sum, [, , from, to]) => sum + to - from, 0);
}

function statementText() {
  const {run} = profile, covered = stepsCovered();
  const part = covered < run.steps ? `Only ${shareText(covered, run.steps)} of the run’s steps ` +
    'lie in the windows that were looked at; all shares are of these. ' : '';
  const sampled = `One step of about ${numberText(run.sample_steps)} was looked at, drawn from ` +
    `seed ${run.sample_seed}: ${numberText(run.samples)} samples, callers known in ` +
    `${shareText(run.samples_deep, run.samples)}. Shares are off by at most what stands ` +
    'behind ±, which is 4 sigma. ';
  return part + (run.kind === 'sampled' ? sampled : KINDS[run.kind][1]) +
    (CLASSES[run.exactness] || `The run’s class is ${run.exactness}.`);
}

function tilesDraw() {
  const {run, host} = profile, covered = stepsCovered();
  const tiles = [
    [shortNumber(run.steps), covered < run.steps ? 'steps of the run' : 'steps',
      numberText(run.steps)],
    ...(covered < run.steps ? [[shortNumber(covered), 'in windows', numberText(covered)]] : []),
    [shortNumber(run.instructions), 'instructions retired', numberText(run.instructions)],
    [timeText(run.ns), 'VIRTUAL time', numberText(run.ns) + ' ns'],
    [numberText(run.harts), run.harts === 1 ? 'hart' : 'harts', ''],
    [numberText(profile.functions.length), 'functions seen', ''],
    [numberText(profile.tasks.length), 'tasks', ''],
  ];
  if (host) {
    tiles.push([timeText(host.wall), 'of the host', numberText(host.wall) + ' ns']);
  }
  byId('tiles').replaceChildren(...tiles.map(([value, name, title]) =>
    make('div', {class: 'tile', title}, make('b', null, value), make('span', null, name))));
}

// A bar of parts with a key below. A part can be asked for.
function shareDraw(title, rows, colourOf, choose) {
  const whole = rows.reduce((sum, row) => sum + row.self, 0), shown = rows.slice(0, 8);
  const bar = make('div', {class: 'stack'}, ...rows.filter((row) => row.self > 0).map((row) => {
    const title = `${row.name}: ${shareText(row.self, whole)}`;
    const part = make('button', {type: 'button', title, 'aria-label': title,
      onclick: () => choose && choose(row), tabindex: choose ? 0 : -1});
    part.style.flex = `${row.self / whole} 0 0`;
    part.style.background = colourOf(row);
    return part;
  }));
  const keys = make('div', {class: 'keys'}, ...shown.map((row) => make('span', null,
    dot(colourOf(row)), row.name + ' ', make('b', null, shareText(row.self, whole)))));
  if (rows.length > shown.length) {
    keys.append(make('span', null, `and ${rows.length - shown.length} more`));
  }
  return make('div', {class: 'share'}, make('h3', null, title), bar, keys);
}

function sharesDraw() {
  const all = {process: '', hart: '', modes: new Set([0, 1, 2, 3])}, shares = [];
  const modes = sumBy(profile, all, (i) => MODES[profile.modeOf[i]]);
  const processes = sumBy(profile, all, (i) => profile.processOf(i));
  if (modes.length > 0) {
    shares.push(shareDraw('Privilege', modes, (row) => cssColour(row.name) || '#888', (row) =>
      filterSet({modes: new Set([MODES.indexOf(row.name)])})));
    shares.push(shareDraw('Processes', processes, (row) => nameColour(row.name), (row) =>
      filterSet({process: row.name})));
  }
  if (profile.host) {
    const {host} = profile, parts = [['executing', host.execute, '#4a9cbb'],
      ['translating', host.translate, '#d98a1f'], ['keeping time', host.time, '#7a58b0'],
      ['devices', host.device, '#5f9b57'], ['idle', host.idle, '#a79f92']];
    const rest = host.wall - parts.reduce((sum, part) => sum + part[1], 0);
    const rows = [...parts, ...rest > 0 ? [['other', rest, '#d0c8ba']] : []];
    shares.push(shareDraw(`What it cost the host: ${timeText(host.wall)}, another time in each run`,
      rows.map(([name, self, colour]) => ({name, self, colour})), (row) => row.colour, null));
  }
  byId('shares').replaceChildren(...shares);
}

// -- Filters --------------------------------------------------------------------------------------

function filtersMake() {
  const processes = new Set(), harts = new Set(), modes = new Set();
  for (let i = 0; i < profile.count; i++) {
    if (profile.parent[i] < 0) {
      processes.add(profile.processOf(i));
      harts.add(profile.hartOf(i));
    } else {
      modes.add(profile.modeOf[i]);
    }
  }
  const options = (all, names, text) => [make('option', {value: ''}, all),
    ...names.map((name) => make('option', {value: name}, text(name)))];
  byId('filter-process').replaceChildren(...options('all',
    [...processes].sort((a, b) => a.localeCompare(b)), (name) => name));
  byId('filter-hart').replaceChildren(...options('all', [...harts].sort((a, b) => a - b),
    (hart) => 'hart ' + hart));
  for (const mode of [...modes].sort()) {
    byId('filter-modes').append(make('label', null, make('input', {type: 'checkbox', value: mode,
      checked: true, onchange: modesTake}), MODES[mode]));
  }
  byId('filter-process').addEventListener('change', (event) =>
    filterSet({process: event.target.value}));
  byId('filter-hart').addEventListener('change', (event) => filterSet({hart: event.target.value}));
  byId('filter-reset').addEventListener('click', () =>
    filterSet({process: '', hart: '', modes: new Set([0, 1, 2, 3])}));
  byId('filters').hidden = profile.count === 0;
}

function modesTake() {
  const boxes = [...byId('filter-modes').querySelectorAll('input')];
  const wanted = new Set(boxes.filter((box) => box.checked).map((box) => +box.value));
  filterSet({modes: wanted.size === boxes.length ? new Set([0, 1, 2, 3]) : wanted});
}

function filterSet(change) {
  Object.assign(filter, change);
  byId('filter-process').value = filter.process;
  byId('filter-hart').value = filter.hart;
  for (const box of byId('filter-modes').querySelectorAll('input')) {
    box.checked = filter.modes.has(+box.value);
  }
  byId('filter-reset').hidden = filter.process === '' && filter.hart === '' &&
    filter.modes.size === 4;
  treeShow();
}

// -- The flame graph ------------------------------------------------------------------------------

const flame = new Flame(byId('flame-canvas'), {zoomed: pathDraw, drawn: flameDrawn});

function treeShow() {
  state.tree = new Tree(profile, filter, byId('flame-roots').value);
  const whole = state.tree.total[0];
  byId('filter-share').textContent = whole === profile.sum ? ''
    : `${numberText(whole)} ${profile.run.unit}, ${shareText(whole, profile.sum)} of all`;
  flame.show(state.tree);
  pathDraw(0);
  searchRun();
  tableShow(state.table);
}

function pathDraw(node) {
  const {tree} = state;
  byId('flame-path').replaceChildren(...tree.path(node).map((step) => make('li', null,
    make('button', {type: 'button', onclick: () => flame.zoom(step)}, tree.name(step)))));
}

function flameDrawn() {
  byId('flame-merged').textContent = flame.merged === 0 ? ''
    : `${numberText(flame.merged)} calls too narrow to see are drawn merged.`;
  const chosen = flame.tree.name(flame.chosen < 0 ? flame.zoomed : flame.chosen);
  byId('flame-canvas').setAttribute('aria-label',
    `Flame graph of ${numberText(state.tree.count)} calls; ${chosen} is chosen`);
}

function flameLegend() {
  const modes = flame.colour === 'mode' ? ['user', 'kernel', 'firmware'] : [];
  const modules = flame.colour === 'module' ? profile.modules.slice(0, 12) : [];
  byId('flame-legend').replaceChildren(
    ...modes.map((mode) => make('span', null, dot(paint(HUES[mode][0], 0.5, 1)), mode)),
    ...modules.map((module) => make('span', null, dot(nameColour(module)), module)));
}

// What is looked for: a part of the name, or /an expression/.
function matcherOf(text) {
  const expression = text.match(/^\/(.+)\/$/);
  if (expression) {
    try {
      const pattern = new RegExp(expression[1], 'i');
      return (name) => pattern.test(name);
    } catch (error) {
      return null;
    }
  }
  const part = text.toLowerCase();
  return (name) => name.toLowerCase().includes(part);
}

function searchRun() {
  const text = byId('search').value, matcher = text === '' ? null : matcherOf(text);
  if (matcher === null) {
    byId('search-share').textContent = text === '' ? '' : 'no expression';
    flame.search(null);
    return;
  }
  const matches = profile.functions.map(matcher);
  const {total, nodes} = state.tree.matched((fn) => matches[fn]);
  byId('search-share').textContent = nodes === 0 ? 'nothing found'
    : `${shareText(total, state.tree.total[0])} in or below ${numberText(nodes)} calls of ` +
      `${numberText(matches.filter(Boolean).length)} functions`;
  flame.search(matches);
}

function flameControls() {
  byId('search').addEventListener('input', searchRun);
  byId('flame-roots').addEventListener('change', treeShow);
  byId('flame-colour').addEventListener('change', (event) => {
    flame.colour = event.target.value;
    flame.restyle();
    flameLegend();
  });
  for (const [id, up] of [['flame-down', false], ['flame-up', true]]) {
    byId(id).addEventListener('click', () => {
      flame.turn(up);
      byId('flame-down').setAttribute('aria-pressed', String(!up));
      byId('flame-up').setAttribute('aria-pressed', String(up));
    });
  }
  document.addEventListener('keydown', (event) => {
    if (event.key === '/' && !/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) {
      event.preventDefault();
      byId('search').focus();
    }
  });
}

// -- The timeline ---------------------------------------------------------------------------------

const timeline = profile.tracks.some((track) => track.count > 0)
  ? new Timeline(byId('timeline-canvas'), profile, {drawn: () => {}}) : null;

function timelineControls() {
  byId('timeline').hidden = timeline === null;
  if (timeline === null) {
    return;
  }
  byId('timeline-in').addEventListener('click', () => timeline.zoomBy(0.5));
  byId('timeline-out').addEventListener('click', () => timeline.zoomBy(2));
  byId('timeline-all').addEventListener('click', () => timeline.zoomTo(0, timeline.end));
  byId('timeline-wakes').addEventListener('change', (event) => {
    timeline.wakes = event.target.checked;
    timeline.draw();
  });
  const names = {trap: 'trap', interrupt: 'interrupt', armed: 'timer armed', fired: 'timer fired',
    marker: 'marker', wake: 'wake-up'};
  byId('timeline-legend').replaceChildren(...Object.entries(names).map(([kind, name]) =>
    make('span', null, dot(KIND_COLOURS[kind]), name)));
  const grain = Math.max(...profile.tracks.map((track) => track.grain));
  byId('timeline-merged').textContent = grain === 0 ? ''
    : `Neighbours shorter than ${timeText(grain)} were recorded as one.`;
}

// -- Tables ---------------------------------------------------------------------------------------

const table = new Table({chosen: rowChosen});

const TABLES = {
  functions: ['Functions', () => functionTable(profile, state.tree)],
  processes: ['Processes', () => sumTable(profile, 'processes',
    sumBy(profile, filter, (i) => profile.processOf(i)))],
  modes: ['Modes', () => sumTable(profile, 'modes',
    sumBy(profile, filter, (i) => MODES[profile.modeOf[i]]))],
  harts: ['Harts', () => sumTable(profile, 'harts',
    sumBy(profile, filter, (i) => 'hart ' + profile.hartOf(i)))],
  intervals: ['Probes and markers', () => intervalTable(profile)],
  host: ['Host', () => hostTable(profile)],
};

function tableShow(name) {
  state.table = name;
  for (const tab of byId('tabs').children) {
    tab.setAttribute('aria-selected', String(tab.value === name));
    tab.tabIndex = tab.value === name ? 0 : -1;
  }
  table.show(TABLES[name][1]());
}

function rowChosen(row) {
  const choices = {
    functions: () => {
      byId('search').value = row.name;
      searchRun();
      byId('flame').scrollIntoView();
    },
    processes: () => filterSet({process: row.name}),
    modes: () => filterSet({modes: new Set([MODES.indexOf(row.name)])}),
    harts: () => filterSet({hart: row.name.replace('hart ', '')}),
  };
  choices[state.table]();
}

function tabsMake() {
  const names = Object.keys(TABLES);
  byId('tabs').replaceChildren(...names.map((name) => make('button', {type: 'button', role: 'tab',
    value: name, 'aria-controls': 'table', onclick: () => tableShow(name)}, TABLES[name][0])));
  byId('tabs').addEventListener('keydown', (event) => {
    const step = {ArrowRight: 1, ArrowLeft: -1}[event.key];
    if (step) {
      const next = names[(names.indexOf(state.table) + step + names.length) % names.length];
      tableShow(next);
      byId('tabs').children[names.indexOf(next)].focus();
    }
  });
}

// -- The run --------------------------------------------------------------------------------------

function factsDraw() {
  const {run} = profile;
  const facts = [['Exactness', [run.exactness]], ['Schedule', [run.schedule]], ['Ended', [run.end]],
    ['Seed', [String(run.seed)]],
    ['Windows', profile.windows.map(([from, to, fromSteps, toSteps, fromNs, toNs]) =>
      `from ${from} (step ${numberText(fromSteps)}, ${timeText(fromNs)}) to ${to} ` +
      `(step ${numberText(toSteps)}, ${timeText(toNs)})`)],
    ['Files', profile.inputs.map(([role, path, digest]) => `${role}: ${path}\u2003${digest}`)],
    ['Program', [run.version]], ['Digest of this profile', [run.digest]]];
  byId('facts').replaceChildren(...facts.filter(([, lines]) => lines.some((line) => line !== ''))
    .flatMap(([name, lines]) => [make('dt', null, name),
      ...lines.map((line) => make('dd', null, line))]));
  byId('command').textContent = run.command;
  byId('copy').addEventListener('click', commandCopy);
}

// Clipboards are for pages from the network; a selection works in files, too.
function commandCopy() {
  const selection = window.getSelection();
  selection.selectAllChildren(byId('command'));
  const done = document.execCommand('copy');
  byId('copy').textContent = done ? 'Copied' : 'Selected';
  setTimeout(() => {
    byId('copy').textContent = 'Copy';
  }, 1500);
}

// -- Light and dark -------------------------------------------------------------------------------

const THEMES = ['system', 'light', 'dark'];
const systemDark = window.matchMedia('(prefers-color-scheme: dark)');

function themeApply() {
  const dark = state.theme === 'dark' || (state.theme === 'system' && systemDark.matches);
  document.documentElement.classList.toggle('dark', dark);
  byId('theme').setAttribute('aria-label', `Colours: ${state.theme}`);
  byId('theme').title = `Colours: ${state.theme}`;
  const icon = {system: 'M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18',
    light: 'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8M12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4' +
      'M17.6 17.6 19 19M5 19l1.4-1.4M17.6 6.4 19 5',
    dark: 'M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z'};
  byId('theme').replaceChildren(makeSvg('svg', {viewBox: '0 0 24 24', width: 18, height: 18,
    fill: state.theme === 'system' ? 'currentColor' : 'none', 'fill-opacity': 0.35,
    stroke: 'currentColor', 'stroke-width': 1.7, 'stroke-linecap': 'round'},
  makeSvg('path', {d: icon[state.theme]})));
  sharesDraw();
  flameLegend();
  flame.restyle();
  if (timeline) {
    timeline.restyle();
  }
}

// Pages in files have no storage in some browsers: then the choice lasts as long as the page.
function themeStored(value) {
  try {
    if (value) {
      localStorage.setItem('sandglass-theme', value);
    }
    return localStorage.getItem('sandglass-theme');
  } catch (error) {
    return value;
  }
}

function themeControls() {
  state.theme = THEMES.includes(themeStored()) ? themeStored() : 'system';
  byId('theme').addEventListener('click', () => {
    state.theme = THEMES[(THEMES.indexOf(state.theme) + 1) % THEMES.length];
    themeStored(state.theme);
    themeApply();
  });
  systemDark.addEventListener('change', themeApply);
}

// -- All of it ------------------------------------------------------------------------------------

function pageMake() {
  byId('headline').textContent = KINDS[profile.run.kind][0];
  byId('statement').textContent = statementText();
  document.querySelectorAll('.unit').forEach((place) => {
    place.textContent = profile.run.unit;
  });
  const parts = [['flame', 'Flame graph', profile.count > 0], ['timeline', 'Timeline', timeline],
    ['tables', 'Tables', true], ['run', 'Repeat', true]];
  byId('nav').replaceChildren(...parts.filter((part) => part[2]).map(([id, name]) =>
    make('a', {href: '#' + id}, name)));
  byId('flame').hidden = profile.count === 0;
  state.table = profile.count > 0 ? 'functions' : 'intervals';
  tilesDraw();
  filtersMake();
  tabsMake();
  flameControls();
  timelineControls();
  factsDraw();
  themeControls();
  treeShow();
  themeApply();
  const redraw = onceAFrame(() => {
    flame.drawNow();
    if (timeline) {
      timeline.drawNow();
    }
  });
  new ResizeObserver(redraw).observe(document.body);
  redraw();
  window.addEventListener('scroll', tipHide, {passive: true});
}

pageMake();
// For whoever looks from outside: tests.
window.sandglass = {profile, flame, timeline, table, state, filter, ready: true};
