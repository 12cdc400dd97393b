// SPDX-License-Identifier: GPL-2.0-or-later
// Tables that sort. A column says what it shows and by what it sorts; all rows are counted, and as
// many are in the page as were asked for.

const ROWS_STEP = 200;

class Table {
  constructor(events) {
    this.events = events; // chosen(row)
    this.table = null;
    this.search = '';
    byId('table-more').addEventListener('click', () => {
      this.limit += this.limit === ROWS_STEP ? 4 * ROWS_STEP : this.rows.length;
      this.draw();
    });
    byId('table-search').addEventListener('input', (event) => {
      this.search = event.target.value.toLowerCase();
      this.limit = ROWS_STEP;
      this.draw();
    });
  }

  // @param table  {name, columns: [{title, text, sort, kind, part}], rows, empty}
  show(table) {
    const same = this.table && this.table.name === table.name;
    this.table = table;
    this.sort = same ? this.sort : {column: table.sorted, down: true};
    this.limit = ROWS_STEP;
    this.draw();
  }

  draw() {
    const {table} = this, key = table.columns[this.sort.column].sort;
    const found = table.rows.filter((row) => this.search === '' ||
      table.columns.some((column) => column.kind !== 'number' &&
        String(column.sort(row)).toLowerCase().includes(this.search)));
    found.sort((a, b) => this.compare(key(a), key(b)) * (this.sort.down ? -1 : 1));
    this.rows = found;
    const shown = found.slice(0, this.limit);
    const element = make('table', null,
      make('thead', null,
        make('tr', null, ...table.columns.map((column, i) => this.head(column, i)))),
      make('tbody', null, ...shown.map((row) => this.row(row))));
    byId('table').replaceChildren(found.length > 0 ? element
      : make('p', {class: 'empty'}, table.rows.length > 0 ? 'No row has that.' : table.empty));
    byId('table-count').textContent = found.length === shown.length
      ? `${numberText(found.length)} rows` : `${shown.length} of ${numberText(found.length)} rows`;
    byId('table-more').hidden = found.length === shown.length;
    byId('table-more').textContent = 'Show more';
  }

  compare(a, b) {
    return typeof a === 'number' ? a - b : -String(a).localeCompare(String(b));
  }

  head(column, i) {
    const sorted = this.sort.column === i;
    return make('th', {scope: 'col', class: column.kind === 'number' ? '' : 'text',
      'aria-sort': sorted && (this.sort.down ? 'descending' : 'ascending')},
    make('button', {type: 'button', title: column.help || '', onclick: () => {
      this.sort = {column: i, down: sorted ? !this.sort.down : true};
      this.draw();
    }}, column.title));
  }

  row(row) {
    return make('tr', null, ...this.table.columns.map((column) => this.cell(column, row)));
  }

  cell(column, row) {
    const content = column.text(row);
    const cell = make('td', {class: {number: '', text: 'text', name: 'text name',
      faint: 'text faint', drawing: 'text'}[column.kind] + (column.part ? ' bar-cell' : '')});
    if (column.part) {
      cell.style.setProperty('--part', (100 * column.part(row)).toFixed(2) + '%');
    }
    if (column.kind === 'name' && column.choose) {
      cell.append(make('button', {type: 'button', title: content,
        onclick: () => this.events.chosen(row)}, content));
    } else {
      cell.append(content);
    }
    return cell;
  }
}

// -- What there is to see -------------------------------------------------------------------------

function countColumns(profile, rows, whole) {
  const {unit} = profile.run, title = unit[0].toUpperCase() + unit.slice(1);
  const most = rows.reduce((found, row) => Math.max(found, row.self), 1);
  return {
    selfShare: {title: 'Self', kind: 'number', help: 'of what is shown', sort: (row) => row.self,
      text: (row) => shareText(row.self, whole), part: (row) => row.self / most},
    self: {title, kind: 'number', sort: (row) => row.self, text: (row) => numberText(row.self)},
    error: {title: '±', kind: 'number', help: 'how far the share may be off, in points: 4 sigma',
      sort: (row) => row.self, text: (row) => errorText(profile, row.self)},
  };
}

function functionTable(profile, tree) {
  const whole = tree.total[0], rows = functionRows(tree);
  const count = countColumns(profile, rows, whole);
  const flat = profile.run.kind === 'flat', sampled = profile.run.kind === 'sampled';
  return {name: 'functions', rows, sorted: 0,
    empty: 'Nothing was counted.',
    columns: [count.selfShare, count.self, ...sampled ? [count.error] : [],
      ...flat ? [] : [
        {title: 'Total', kind: 'number', help: 'with all that was called; recursion counts once',
          sort: (row) => row.total, text: (row) => shareText(row.total, whole),
          part: (row) => whole === 0 ? 0 : row.total / whole},
        {title: 'With callees', kind: 'number', sort: (row) => row.total,
          text: (row) => numberText(row.total)}],
      ...sampled || flat ? [] : [{title: 'Calls', kind: 'number', sort: (row) => row.calls,
        text: (row) => numberText(row.calls)}],
      {title: 'Function', kind: 'name', choose: true, sort: (row) => row.name,
        text: (row) => row.name},
      {title: 'Module', kind: 'faint', sort: (row) => row.module, text: (row) => row.module}]};
}

function sumTable(profile, name, rows) {
  const whole = rows.reduce((sum, row) => sum + row.self, 0);
  const count = countColumns(profile, rows, whole);
  return {name, rows, sorted: 0, empty: 'Nothing was counted.',
    columns: [count.selfShare, count.self, ...profile.run.kind === 'sampled' ? [count.error] : [],
      {title: {processes: 'Process', modes: 'Mode', harts: 'Hart'}[name], kind: 'name',
        choose: true, sort: (row) => row.name, text: (row) => row.name}]};
}

// Bars by powers of two.
function spreadDrawing(spread) {
  const most = Math.max(1, ...spread), first = Math.max(0, spread.findIndex((count) => count > 0));
  const bars = spread.slice(first), width = Math.max(9, Math.min(26, bars.length)) * 7;
  const drawing = makeSvg('svg', {width, height: 24, role: 'img'});
  bars.forEach((count, i) => {
    const height = count === 0 ? 0 : Math.max(1.5, 23 * count / most), from = 2 ** (first + i - 1);
    const bar = makeSvg('rect', {x: i * 7, y: 24 - height, width: 6, height, rx: 1,
      fill: 'var(--accent)'});
    bar.append(makeSvg('title', null, first + i === 0 ? `0: ${numberText(count)}`
      : `${numberText(from)} to ${numberText(2 * from - 1)}: ${numberText(count)}`));
    drawing.append(bar);
  });
  return drawing;
}

function intervalTable(profile) {
  const rows = profile.intervals.map(([name, probe, parent, task, count, open, steps, stepsMin,
    stepsMax, ns, nsMin, nsMax, stepsSpread, nsSpread]) => ({name, probe, parent, count, open,
    steps, stepsMin, stepsMax, ns, nsMin, nsMax, stepsSpread, nsSpread,
    task: task < 0 ? '' : taskName(profile, task),
    within: parent < 0 ? '' : profile.intervals[parent][0]}));
  const mean = (row, of) => row.count === 0 ? 0 : row[of] / row.count;
  const number = (title, sort, text, help) => ({title, kind: 'number', sort, help,
    text: (row) => text(sort(row))});
  return {name: 'intervals', rows, sorted: 2, empty: 'No probes or markers were set.',
    columns: [number('Times', (row) => row.count, numberText),
      number('Steps, mean', (row) => mean(row, 'steps'), numberText),
      number('All', (row) => row.ns, timeText, 'VIRTUAL time from entry to exit, all together'),
      number('Mean', (row) => mean(row, 'ns'), timeText),
      number('Least', (row) => row.nsMin, timeText),
      number('Most', (row) => row.nsMax, timeText),
      {title: 'Spread of times', kind: 'drawing', help: 'by powers of two',
        sort: (row) => row.nsMax,
        text: (row) => spreadDrawing(row.nsSpread)},
      {title: 'From entry to exit', kind: 'name', sort: (row) => row.name,
        text: (row) => row.name + (row.open > 0 ? `  (${row.open} without an end)` : '')},
      {title: 'Inside of', kind: 'faint', sort: (row) => row.within, text: (row) => row.within},
      {title: 'Task', kind: 'faint', sort: (row) => row.task, text: (row) => row.task}]};
}

function hostTable(profile) {
  const rows = profile.regions.map(([name, module, address, translate, execute, times]) =>
    ({name: name || address, module, translate, execute, times, all: translate + execute}));
  const whole = profile.host ? profile.host.wall : 0;
  const most = rows.reduce((found, row) => Math.max(found, row.all), 1);
  const time = (title, key) => ({title, kind: 'number', sort: (row) => row[key],
    text: (row) => timeText(row[key])});
  return {name: 'host', rows, sorted: 0,
    empty: 'What regions of code cost the host was not measured.',
    columns: [{title: 'Host', kind: 'number', help: 'of all time', sort: (row) => row.all,
      text: (row) => shareText(row.all, whole), part: (row) => row.all / most},
    time('Executing', 'execute'), time('Translating', 'translate'),
    {title: 'Translated', kind: 'number', help: 'how often', sort: (row) => row.times,
      text: (row) => numberText(row.times)},
    {title: 'Code of', kind: 'name', sort: (row) => row.name, text: (row) => row.name},
    {title: 'Module', kind: 'faint', sort: (row) => row.module, text: (row) => row.module}]};
}
