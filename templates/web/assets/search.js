// The search page: sends the query to the worker, and shows the models found.
'use strict';
// The first view waits for the answer, so that nothing moves.
if (new URLSearchParams(location.search).get('q')) document.documentElement.classList.add('asking');
document.addEventListener('DOMContentLoaded', () => {
  const PAGE = 50;
  const WAIT = 80; // milliseconds after a key
  const get = id => document.getElementById(id);
  const form = get('query'), field = get('q'), versions = get('versions'), status = get('status');
  const problem = get('problem'), results = get('results'), more = get('more');
  let worker = null, number = 0, limit = PAGE, timer = 0;

  function make(tag, text, attributes = {}) {
    const element = document.createElement(tag);
    element.textContent = text;
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  }

  function showProblem(message, remedy) {
    document.documentElement.classList.remove('asking');
    problem.replaceChildren(make('p', message));
    if (remedy) problem.append(make('p', remedy, { class: 'soft' }));
    problem.hidden = false;
    results.replaceChildren();
    more.hidden = true;
    status.textContent = '';
  }

  // As `addresses.py` says: a version may be called as the files of a page are.
  const segment = name => encodeURIComponent(/^index\.(html|json)$/i.test(name) ? `-${name}` : name);

  function findPage(row) {
    const [namespace, name] = row.model.split('/');
    const folder = `../models/${segment(namespace)}/${segment(name)}`;
    if (row.version === undefined) return `${folder}/index.html`;
    return row.hasPage ? `${folder}/${segment(row.version)}/index.html` : `${folder}/-/versions/${Math.floor(row.place / PAGE) + 1}/index.html`;
  }

  function makeRow(row, columns) {
    const line = document.createElement('tr');
    const name = make('th', '', { scope: 'row' });
    name.append(make('a', row.reference, { href: findPage(row), class: 'wrap' }));
    if (row.title) name.append(' ', make('span', row.title, { class: 'soft' }));
    line.append(name);
    for (const [, kind, read] of columns) {
      const cell = make('td', '', kind ? { class: kind } : {});
      const value = read(row);
      if (Array.isArray(value)) for (const chip of value) cell.append(chip, ' ');
      else cell.textContent = value;
      line.append(cell);
    }
    return line;
  }

  function nameChips(row) {
    const chips = row.aliases.map(alias => make('span', alias, { class: alias === 'production' ? 'chip prod' : 'chip' }));
    if (row.state !== 'active') chips.push(make('span', row.state, { class: row.state === 'deprecated' ? 'chip aged' : 'chip gone' }));
    return chips;
  }

  function listColumns(answer) {
    if (!answer.versions) return [['Task', '', row => row.task], ['Description', 'wide', row => row.description]];
    const metrics = answer.rows.length ? answer.rows[0].metrics.map(([name], place) => [name, 'num', row => row.metrics[place][1]]) : [];
    return [['Names', '', nameChips], ...metrics, ['Created', 'nowrap wide', row => row.day], ['Description', 'wide', row => row.description]];
  }

  function showAnswer(answer) {
    document.documentElement.classList.remove('asking');
    problem.hidden = true;
    const what = answer.versions ? 'version' : 'model';
    const shown = answer.rows.length;
    const count = `${answer.count.toLocaleString('en')} ${what}${answer.count === 1 ? '' : 's'}`;
    const parts = [answer.count ? count : 'Nothing found', ...answer.notes];
    if (answer.count > shown) parts[0] += `, the first ${shown} shown`;
    if (answer.unreadable.length) parts.push(`${answer.unreadable.slice(0, 3).join(', ')}${answer.unreadable.length > 3 ? ' and others' : ''} cannot be read`);
    status.textContent = `${parts.join('; ')}.`;
    more.hidden = answer.count <= shown;
    results.replaceChildren();
    if (!shown) return;
    const columns = listColumns(answer);
    const table = document.createElement('table');
    table.append(make('caption', 'Results', { class: 'hush' }));
    const head = table.createTHead().insertRow();
    for (const [title, kind] of [[what === 'model' ? 'Model' : 'Version', ''], ...columns]) head.append(make('th', title, kind ? { scope: 'col', class: kind } : { scope: 'col' }));
    table.createTBody().append(...answer.rows.map(row => makeRow(row, columns)));
    const box = make('div', '', { class: 'box scroll under', tabindex: '0', role: 'group', 'aria-label': 'Results' });
    box.append(table);
    results.append(box);
  }

  function start() {
    worker = new Worker(form.dataset.worker);
    worker.onmessage = ({ data }) => {
      if (data.id !== number) return; // an older one
      results.removeAttribute('aria-busy');
      if (data.error) showProblem(data.error, data.remedy);
      else showAnswer(data);
    };
    worker.onerror = () => showProblem('The search could not be started.', 'Load the page again.');
  }

  function ask() {
    const line = field.value.trim();
    const address = new URL(location.href);
    address.search = line ? `?${new URLSearchParams({ q: line, ...(versions.checked && { versions: '1' }) })}` : '';
    history.replaceState(null, '', address);
    number += 1;
    if (!line) {
      for (const one of [problem, more]) one.hidden = true;
      results.replaceChildren();
      status.textContent = '';
      return;
    }
    if (!worker) start();
    results.setAttribute('aria-busy', 'true');
    worker.postMessage({ id: number, manifest: new URL(form.dataset.manifest, location.href).href, line, versions: versions.checked, limit });
  }

  function askSoon() {
    limit = PAGE;
    clearTimeout(timer);
    timer = setTimeout(ask, WAIT);
  }

  const asked = new URLSearchParams(location.search);
  field.value = asked.get('q') ?? '';
  versions.checked = asked.get('versions') === '1';
  if (location.protocol === 'file:') {
    showProblem('Search needs a web server: a browser loads nothing for a page that is opened as a file.', 'In the folder of the site, run python3 -m http.server, and open the address that it prints.');
    return;
  }
  form.addEventListener('submit', event => {
    event.preventDefault();
    clearTimeout(timer);
    ask();
  });
  field.addEventListener('input', askSoon);
  versions.addEventListener('change', askSoon);
  more.firstElementChild.addEventListener('click', () => {
    limit += PAGE;
    ask();
  });
  ask();
});
