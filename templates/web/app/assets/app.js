// Dialogs, one commit for a double click, and a question before typed text is lost. Forms work without it.
'use strict';

function setUpForm(form) {
  let isDirty = false;
  const warn = event => { if (isDirty) event.preventDefault(); };
  form.addEventListener('input', () => { isDirty = true; });
  addEventListener('beforeunload', warn);
  form.addEventListener('submit', event => {
    if (form.dataset.sent) { event.preventDefault(); return; }
    isDirty = false;
    form.dataset.sent = 'yes';
    // Disabled at once, the button would not be sent.
    setTimeout(() => { for (const button of form.querySelectorAll('button')) button.disabled = true; });
  });
  const stage = form.querySelector('[name=f-stage]');
  const show = form.querySelector('button[value=form]');
  if (stage && show) stage.addEventListener('change', () => form.requestSubmit(show));
  const typed = form.querySelector('[data-expected]');
  const final = form.querySelector('[data-final]');
  if (typed && final) {
    const compare = () => { final.disabled = typed.value.trim() !== typed.dataset.expected; };
    typed.addEventListener('input', compare);
    compare();
  }
  const branch = form.querySelector('[name=branch][type=text]');
  if (branch) branch.addEventListener('input', () => { form.querySelector('#where-branch').checked = true; });
}

async function openDialog(link) {
  const answer = await fetch(link.href, { credentials: 'same-origin' });
  const sheet = new DOMParser().parseFromString(await answer.text(), 'text/html').querySelector('[data-sheet]');
  if (!answer.ok || !sheet) { location.assign(link.href); return; }
  const dialog = document.createElement('dialog');
  dialog.setAttribute('aria-labelledby', 'form-title');
  const title = sheet.querySelector('h1');
  const heading = document.createElement('h2');
  heading.id = title.id;
  heading.textContent = title.textContent;
  title.replaceWith(heading);
  sheet.removeAttribute('aria-labelledby');
  dialog.append(document.adoptNode(sheet));
  document.body.append(dialog);
  setUpForm(dialog.querySelector('form'));
  dialog.querySelector('[data-cancel]').addEventListener('click', event => {
    event.preventDefault();
    dialog.close();
  });
  dialog.addEventListener('close', () => { dialog.remove(); link.focus(); });
  dialog.showModal();
}

for (const form of document.querySelectorAll('form[method=post]')) setUpForm(form);
for (const link of document.querySelectorAll('a[data-dialog]')) {
  link.addEventListener('click', event => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    openDialog(link).catch(() => location.assign(link.href));
  });
}
// A page that the browser kept has its buttons as they were.
addEventListener('pageshow', event => {
  if (!event.persisted) return;
  for (const form of document.querySelectorAll('form[data-sent]')) {
    delete form.dataset.sent;
    for (const button of form.querySelectorAll('button')) button.disabled = false;
  }
});
