// Theme, search key, tabs, copying and comparing. Pages are complete without it.
'use strict';
const root = document.documentElement;
// Before the page is drawn, so that nothing moves: what needs a script is shown, and has its place.
root.classList.add('js');
if (navigator.clipboard) root.classList.add('copies');
try {
  const kept = localStorage.getItem('theme');
  if (kept === 'light' || kept === 'dark') root.dataset.theme = kept;
} catch { /* no storage: the system decides */ }

function setUpTheme() {
  const button = document.getElementById('theme');
  button.addEventListener('click', () => {
    const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
    root.dataset.theme = dark ? 'light' : 'dark';
    try { localStorage.setItem('theme', root.dataset.theme); } catch { /* for this page only */ }
  });
}

function setUpSearchKey() {
  document.addEventListener('keydown', event => {
    if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey) return;
    if (/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    event.preventDefault();
    document.getElementById('find').focus();
  });
}

function setUpTabs(list) {
  const tabs = [...list.querySelectorAll('[role=tab]')];
  const select = tab => {
    for (const one of tabs) {
      const on = one === tab;
      one.setAttribute('aria-selected', String(on));
      one.tabIndex = on ? 0 : -1;
      document.getElementById(one.getAttribute('aria-controls')).hidden = !on;
    }
  };
  tabs.forEach((tab, index) => {
    tab.addEventListener('click', () => select(tab));
    tab.addEventListener('keydown', event => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = tabs[(index + step + tabs.length) % tabs.length];
      next.focus();
      select(next);
    });
  });
  list.classList.add('live');
  select(tabs[0]);
}

function setUpCopy() {
  for (const button of document.querySelectorAll('[data-copy]')) {
    button.addEventListener('click', async () => {
      const said = document.getElementById('said');
      try {
        await navigator.clipboard.writeText(button.dataset.copy);
        said.textContent = 'Copied';
      } catch {
        said.textContent = 'The browser does not allow copying';
      }
    });
  }
}

function setUpCompare() {
  const link = document.getElementById('compare');
  if (!link) return;
  const boxes = [...document.querySelectorAll('td.pick input')];
  const base = link.getAttribute('href');
  const update = () => {
    const picked = boxes.filter(box => box.checked).map(box => box.value).reverse();
    for (const box of boxes) box.disabled = picked.length >= 4 && !box.checked;
    link.textContent = picked.length ? `Compare ${picked.join(', ')}` : 'Compare';
    if (picked.length < 2) {
      link.removeAttribute('href');
      link.setAttribute('aria-disabled', 'true');
      return;
    }
    link.removeAttribute('aria-disabled');
    const query = picked.map((version, n) => `${'abcd'[n]}=${encodeURIComponent(`${link.dataset.model}@${version}`)}`);
    link.href = `${base}?${query.join('&')}`;
  };
  for (const box of boxes) box.addEventListener('change', update);
  update();
}

function setUpFilter() {
  const field = document.getElementById('narrow');
  const rows = [...document.querySelectorAll('table.filtered tbody tr')];
  if (!field) return;
  const input = field.querySelector('input');
  input.addEventListener('input', () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every(word => text.includes(word));
      shown += !row.hidden;
    }
    document.getElementById('said').textContent = `${shown} of ${rows.length} models`;
  });
}

document.addEventListener('DOMContentLoaded', () => {
  setUpTheme();
  setUpSearchKey();
  document.querySelectorAll('[role=tablist]').forEach(setUpTabs);
  setUpCopy();
  setUpCompare();
  setUpFilter();
});
