// Which versions were in a stage on a day; the address can be shared.
'use strict';
(() => {
  const field = document.getElementById('asof');
  const lanes = document.getElementById('lanes');
  if (!field || !lanes) return;
  const input = field.querySelector('input');
  const svg = lanes.querySelector('svg');
  const line = document.getElementById('asof-line');
  const words = document.getElementById('asof-words');
  const rows = [...document.querySelectorAll('#tenures tbody tr')];
  const start = Date.parse(svg.dataset.start), end = Date.parse(svg.dataset.end);
  const left = Number(svg.dataset.left), right = Number(svg.dataset.right);

  function show() {
    const day = input.value;
    for (const row of rows) row.classList.remove('first');
    if (!day) {
      line.setAttribute('visibility', 'hidden');
      words.textContent = '';
      return;
    }
    const moment = Math.min(Date.parse(`${day}T23:59:59Z`), Math.max(end, start + 864e5));
    const place = left + (right - left) * Math.min(1, Math.max(0, (moment - start) / Math.max(end - start, 864e5)));
    for (const side of ['x1', 'x2']) line.setAttribute(side, `${place.toFixed(2)}%`);
    line.setAttribute('visibility', 'visible');
    const found = rows.filter(row => Date.parse(row.dataset.from) <= moment && (!row.dataset.to || Date.parse(row.dataset.to) > moment));
    for (const row of found) row.classList.add('first');
    const names = found.map(row => `${row.cells[0].textContent} ${row.cells[1].textContent}`);
    const date = new Date(day).toLocaleDateString('en-GB', { day: 'numeric', month: 'long', year: 'numeric', timeZone: 'UTC' });
    words.textContent = `On ${date}, ${found.length} ${found.length === 1 ? 'model' : 'models'} of this page ${found.length === 1 ? 'was' : 'were'} in ${lanes.dataset.stage}${names.length ? `: ${names.join(', ')}` : ''}.`;
  }

  input.addEventListener('input', () => {
    show();
    try {
      history.replaceState(null, '', input.value ? `?day=${input.value}` : location.pathname);
    } catch { /* a file has no address to share */ }
  });
  const asked = new URLSearchParams(location.search).get('day');
  if (asked && /^\d{4}-\d\d-\d\d$/.test(asked)) input.value = asked;
  field.classList.add('ready');
  show();
})();
