// Compares two to four versions, out of the data next to their pages.
'use strict';
(() => {
  const form = document.getElementById('pick');
  const result = document.getElementById('result');
  const trouble = document.getElementById('trouble');
  const letters = ['a', 'b', 'c', 'd'];
  const query = new URLSearchParams(location.search);
  const asked = letters.map(letter => (query.get(letter) || '').trim()).filter(Boolean);
  letters.forEach(letter => { form.elements[letter].value = query.get(letter) || ''; });

  const make = (name, kind, text) => {
    const found = document.createElement(name);
    if (kind) found.className = kind;
    if (text !== undefined) found.textContent = text;
    return found;
  };
  const segment = name => /^index\.(html|json)$/i.test(name) ? `-${name}` : name;
  const read = async path => {
    const answer = await fetch(result.dataset.root + path.split('/').map(encodeURIComponent).join('/'));
    return answer.ok ? answer.json() : null;
  };

  // The values of a version by group and name, out of those of fifty versions.
  function spread({ shapes, values }, version) {
    const groups = {};
    const [shape, ...found] = values[version] || [];
    (shapes[shape] || []).forEach(([group, name], n) => { (groups[group] ??= Object.create(null))[name] = found[n]; });
    return groups;
  }

  async function find(reference) {
    const match = /^(?:([^/@]+)\/)?([^/@]+)@([^/@]+)$/.exec(reference);
    if (!match) throw new Error(`${reference} is not a reference: write NAMESPACE/MODEL@VERSION`);
    const folder = `models/${match[1] || 'default'}/${segment(match[2])}`;
    const model = await read(`${folder}/index.json`);
    if (!model) throw new Error(`model ${match[1] || 'default'}/${match[2]} does not exist`);
    const holder = model.holders.find(one => one.alias === match[3]);
    const tagged = model.names.find(one => one[0] === match[3]);
    const version = match[3] === 'latest' ? model.latest : holder && holder.version || tagged && tagged[1] || match[3];
    const page = model.pages.findIndex(one => one.includes(version)) + 1;
    const own = page ? await read(`${folder}/${segment(version)}/index.json`) : null;
    const older = page && !own ? await read(`${folder}/-/versions/${page}/index.json`) : null;
    const values = own ? own.compared : older && spread(older.compared, version);
    if (!values || !Object.keys(values).length) throw new Error(`${model.model} has no version ${match[3]} that can be read`);
    return { name: `${model.model}@${version}`, model: model.model, version, values, better: own ? own.better : {} };
  }

  const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
  const size = bytes => {
    const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
    let n = 0;
    while (bytes >= 1000 && n < units.length - 1) { bytes /= 1000; n += 1; }
    return n ? `${bytes.toFixed(1)} ${units[n]}` : `${bytes} B`;
  };
  function words(group, value) {
    if (value === undefined || value === null) return '';
    if (group === 'labels') return 'yes';
    if (typeof value === 'string') return value.replace(/\b([0-9a-f]{12})[0-9a-f]{20,}\b/g, '$1…');
    if (typeof value === 'number') return String(Number(value.toPrecision(6)));
    if (group === 'artifacts' && typeof value === 'object')
      return value.uri || `${Number.isFinite(value.size) ? size(value.size) : '?'} ${(value.sha256 || '').slice(0, 12)}`;
    return typeof value === 'object' ? JSON.stringify(value) : String(value);
  }
  function change(first, value, better) {
    if (typeof first !== 'number' || typeof value !== 'number' || first === value) return null;
    const good = !better ? '' : (value > first) === (better === 'higher') ? 'good' : 'bad';
    const number = Number((value - first).toPrecision(4));
    const found = make('span', `delta ${good || 'soft'}`, `${number > 0 ? '+' : '−'}${Math.abs(number)}`);
    if (good) found.append(make('span', 'hush', good === 'good' ? ' better' : ' worse'));
    return found;
  }
  function bar(first, value, scale, better) {
    const space = 'http://www.w3.org/2000/svg';
    const svg = document.createElementNS(space, 'svg');
    svg.setAttribute('class', 'bar');
    svg.setAttribute('height', '10');
    svg.setAttribute('aria-hidden', 'true');
    const rect = (kind, x, width) => {
      const one = document.createElementNS(space, 'rect');
      for (const [key, text] of Object.entries({ class: kind, x: `${x}%`, width: `${width}%`, height: 10, rx: 3 })) one.setAttribute(key, text);
      svg.append(one);
    };
    rect('bed', 0, 100);
    const share = (value - first) / Math.abs(first);
    const width = Math.min(50, Math.abs(share) / scale * 50);
    const good = !better ? 'even' : (value > first) === (better === 'higher') ? 'up' : 'down';
    if (width) rect(good, share > 0 ? 50 : 50 - width, width);
    return svg;
  }

  function table(group, sides) {
    const names = [...new Set(sides.flatMap(side => Object.keys(side.values[group] || {})))];
    if (!names.length) return null;
    const section = make('section');
    const differing = names.filter(name => sides.some(side => !same((side.values[group] || {})[name], (sides[0].values[group] || {})[name])));
    const head = make('div', 'head');
    head.append(make('h2', '', group[0].toUpperCase() + group.slice(1)), make('p', '', `${differing.length} changed, ${names.length - differing.length} the same`));
    const box = make('div', 'box scroll');
    box.tabIndex = 0;
    box.setAttribute('role', 'group');
    box.setAttribute('aria-label', group);
    const shown = make('table');
    const line = make('tr');
    line.append(make('th', '', 'Name'));
    const single = sides.every(side => side.model === sides[0].model);
    for (const side of sides) {
      const cell = make('th', group === 'metrics' ? 'num' : '', single ? side.version : side.name);
      if (single) cell.prepend(make('span', 'hush', `${side.model}@`));
      line.append(cell);
    }
    const bars = group === 'metrics' && sides.length === 2;
    if (bars) line.append(make('th', 'wide', 'Relative, 10 % either way'));
    line.querySelectorAll('th').forEach(cell => { cell.scope = 'col'; });
    const top = make('thead');
    top.append(line);
    const body = make('tbody');
    for (const name of group === 'metrics' ? names : differing) {
      const row = make('tr');
      const header = make('th', 'wrap key-cell', name);
      header.scope = 'row';
      row.append(header);
      const first = (sides[0].values[group] || {})[name];
      const better = sides.map(side => side.better[name]).find(Boolean);
      sides.forEach((side, n) => {
        const value = (side.values[group] || {})[name];
        const cell = make('td', group === 'metrics' ? 'num' : 'wrap', words(group, value));
        if (n && group === 'metrics') { const found = change(first, value, better); if (found) cell.append(' ', found); }
        if (n && group !== 'metrics' && !same(value, first)) cell.classList.add('warn');
        row.append(cell);
      });
      if (bars) {
        const cell = make('td', 'wide');
        const last = (sides[1].values[group] || {})[name];
        if (Number.isFinite(first) && Number.isFinite(last) && first) cell.append(bar(first, last, 0.1, better));
        row.append(cell);
      }
      body.append(row);
    }
    shown.append(top, body);
    box.append(shown);
    section.append(head, box);
    return body.children.length ? section : null;
  }

  async function run() {
    if (asked.length < 2) return;
    if (location.protocol === 'file:') throw new Error('Comparing needs a web server: a browser reads no data from files. Run: python -m http.server');
    const sides = await Promise.all(asked.map(find));
    document.title = `Compare ${sides.map(side => side.name).join(', ')}`;
    if (sides.every(side => same(side.values, sides[0].values))) result.append(make('p', 'box pad soft', 'No differences.'));
    const equal = [];
    for (const group of result.dataset.groups.split(',')) {
      const found = table(group, sides);
      if (found) result.append(found);
      else if (sides[0].values[group] && Object.keys(sides[0].values[group]).length) equal.push(group);
    }
    if (equal.length && result.children.length) result.append(make('p', 'small soft', `The same in all: ${equal.join(', ')}.`));
  }
  run().catch(error => {
    trouble.textContent = error.message;
    trouble.hidden = false;
  });
})();
