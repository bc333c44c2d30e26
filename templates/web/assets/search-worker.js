// The query language of `registry search`, over columns in shards: catalog/search/query.py says what it means, and
// web/search/columns.py writes these columns. A test compares the results of both.
'use strict';

// As Python knows them, which is not what `\s` means here.
const WS = '\\t\\n\\v\\f\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';
const TOKEN = new RegExp(`(?:"[^"]*"|[^${WS}"<>=!]|!(?!=))*[${WS}]*(?:!=[=<>!]*|[=<>]+[=<>!~]*)[${WS}]*(?:"[^"]*"|[^${WS}"])*|(?:"[^"]*"|[^${WS}"])+`, 'gu');
const OPERATOR = /!=[=<>!]*|[=<>]+[=<>!~]*/u;
const FIELD = /^([A-Za-z_]+):(?!\/\/)([^]*)$/u;
const LIKE_AN_OPERATOR = /^([^≥≤≠~≈]+)([≥≤≠~≈]=?)([-+]?[0-9.]+%?)$/u;
const LOOKALIKES = { '≥': '>=', '≤': '<=', '≠': '!=' };
const NUMERIC = /^[-+]?[0-9][0-9.,_ ]*%?$/u;
const FLOAT = /^[-+]?(?:[0-9]+(?:_[0-9]+)*\.?(?:[0-9]+(?:_[0-9]+)*)?|\.[0-9]+(?:_[0-9]+)*)(?:[eE][-+]?[0-9]+(?:_[0-9]+)*)?$/u;
const BLANKS_AROUND = new RegExp(`^[${WS}]+|[${WS}]+$`, 'gu');
const MEANT = { '=>': '>=', '=<': '<=', '<>': '!=', '===': '=', '!==': '!=', '=~': '=', '>>': '>', '<<': '<', '=!': '!=' };
const TURNED = { '<': '>', '<=': '>=', '>': '<', '>=': '<=' };
const SIGNS = {
  '&&': 'leave it out: every term must match', '||': 'run one search for each side',
  '|': 'run one search for each side', '&': 'leave it out: every term must match',
};
const COMPARE = {
  '>=': (a, b) => a >= b, '<=': (a, b) => a <= b, '!=': (a, b) => a != b, '=': (a, b) => a == b, // == compares bigints
  '>': (a, b) => a > b, '<': (a, b) => a < b,
};
// Whether a value that is less than, equal to or greater than the bound is accepted.
const ACCEPTED = {
  '>=': [false, true, true], '<=': [true, true, false], '!=': [true, false, true], '=': [false, true, false],
  '>': [false, false, true], '<': [true, false, false],
};
const METRICS = 'metrics.';
const DELETED = 'deleted';
const own = (object, key) => Object.hasOwn(object, key) ? object[key] : undefined;

let language;
const folds = new Map();

function readLanguage(manifest) {
  language = manifest;
  for (const [first, last, step, difference] of manifest.folds) {
    if (typeof last === 'string') folds.set(String.fromCodePoint(first), last);
    else for (let code = first; code <= last; code += step || 1) folds.set(String.fromCodePoint(code), String.fromCodePoint(code + difference));
  }
}

const strip = text => text.replace(BLANKS_AROUND, '');
const compose = text => text.normalize('NFC');
const ASCII = /^[\x00-\x7f]*$/;
const casefold = text => ASCII.test(text) ? text.toLowerCase() : Array.from(text, sign => folds.get(sign) ?? sign).join('');
const fold = text => compose(casefold(compose(text)));
const FORMS = {
  folded: fold,
  owner: text => fold(text).replace(/^@/, ''),
  task: text => {
    const folded = compose(casefold(compose(fold(text))));
    return folded.replace(new RegExp(`[${WS}_-]+`, 'gu'), '-').replace(/^-+|-+$/g, '');
  },
};

// An error in a query, in the words of the command line.
class UsageError extends Error {
  constructor(message, remedy) {
    super(message);
    this.remedy = remedy;
  }
}

// Text as Python's `ascii` shows it.
function show(text) {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escapes = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t', [quote]: `\\${quote}` };
  const shown = Array.from(text, sign => {
    const code = sign.codePointAt(0);
    if (escapes[sign]) return escapes[sign];
    if (code >= 32 && code < 127) return sign;
    const [letter, width] = code < 256 ? ['x', 2] : code < 65536 ? ['u', 4] : ['U', 8];
    return `\\${letter}${code.toString(16).padStart(width, '0')}`;
  });
  return quote + shown.join('') + quote;
}

// Digits of any writing, which Python's `float` reads.
function readDigit(sign) {
  let first = sign.codePointAt(0);
  const code = first;
  while (/\p{Nd}/u.test(String.fromCodePoint(first - 1))) first -= 1;
  return String((code - first) % 10);
}

function readNumber(text) {
  const plain = strip(text).replace(/[^\x00-\x7f]/gu, sign => /\p{Nd}/u.test(sign) ? readDigit(sign) : sign);
  return FLOAT.test(plain) ? Number(plain.replaceAll('_', '')) : NaN;
}

function makeFilter(field, value) {
  if (!language.filters.includes(field)) throw new UsageError(`unknown filter ${field}:`, `filters are ${language.filters.map(f => `${f}:`).join(', ')}; quote a word with a colon`);
  if (!value) throw new UsageError(`${field}: needs a value`, `write it without a space: ${field}:VALUE`);
  if (/[,*]/.test(value) && field !== 'title') throw new UsageError(`${field}:${value} is not one value`, `write the filter once for each value: ${field}:A ${field}:B`);
  const states = [...language.modelStates, ...language.versionStates, DELETED];
  if (field === 'state' && !states.includes(value)) throw new UsageError(`${show(value)} is not a state`, `states are ${states.join(', ')}`);
  return { field, value };
}

function checkSign(metric, written, value, isQuoted) {
  const sign = written === '==' ? '=' : written;
  if (!own(COMPARE, sign)) {
    const meant = own(MEANT, sign);
    throw new UsageError(`${sign} is not an operator`, meant ? `write "${metric}${meant}${value}"` : 'operators are >=, >, <=, <, = and !=');
  }
  const second = isQuoted ? null : OPERATOR.exec(value);
  const isTurned = NUMERIC.test(metric);
  const turned = own(TURNED, sign) ?? sign;
  if (second) {
    const middle = strip(value.slice(0, second.index));
    const low = isTurned ? `${middle}${turned}${metric}` : `${metric}>=LOW`;
    const high = isTurned ? value : `${metric}<=HIGH`;
    throw new UsageError(`${metric}${sign}${value} has two operators`, `write one condition for each: "${low}" "${high}"`);
  }
  if (isTurned && !NUMERIC.test(value)) throw new UsageError(`${metric}${sign}${value} has its number first`, `write the metric first: "${value}${turned}${metric}"`);
  return sign;
}

function makeBound(metric, written, value, isQuoted) {
  if (!metric || !value) throw new UsageError(`${metric}${written}${value} is not a condition on a metric`, 'write METRIC, an operator and a value, such as "accuracy>=0.9"');
  const operator = checkSign(metric, written, value, isQuoted);
  const number = readNumber(value);
  if (Number.isFinite(number)) return { metric, operator, value: number };
  const looksLikeOne = NUMERIC.test(value) && !isQuoted;
  if ((operator === '=' || operator === '!=') && !looksLikeOne) return { metric, operator, value };
  const bare = value.replace(/\)+$/, '');
  if (bare !== value && NUMERIC.test(bare)) throw new UsageError('a search has no brackets', `leave them out: "${metric.replace(/^\(+/, '')}${operator}${bare}"`);
  throw new UsageError(`${metric}${operator}${value}: ${show(value)} is not a number`, 'write a number, such as "accuracy>=0.9"');
}

function makeWord(token) {
  if (token.includes('"')) return fold(token.replaceAll('"', ''));
  const name = casefold(token);
  if (name === 'or' || name === 'not' || own(SIGNS, token)) {
    const way = own(SIGNS, token) ?? (name === 'or' ? 'run one search for each side' : 'only a metric can be excluded, with !=');
    throw new UsageError(`there is no ${token} in a search`, `${way}; a word is "${token}"`);
  }
  const like = LIKE_AN_OPERATOR.exec(token);
  if (like) throw new UsageError(`${like[2]} is not an operator`, `write "${like[1]}${own(LOOKALIKES, like[2]) ?? '>='}${like[3]}"; a word is "${token}"`);
  if ("()-!:'".includes(token[0]) || (token.endsWith(')') && !token.includes('('))) throw new UsageError(`${token} is not a search word`, `terms have no brackets, signs or spaces around \`:\`; a word is "${token}"`);
  if (token.includes('*')) throw new UsageError(`${token}: wildcards are not supported`, 'leave out the *: a word matches anywhere in a text, also inside another word');
  return name === 'and' ? '' : fold(token);
}

function readTerm(token, query) {
  const sign = OPERATOR.exec(token.replace(/"[^"]*"/gu, quoted => '_'.repeat(quoted.length)));
  const field = token.startsWith('"') ? null : FIELD.exec(token);
  if (field && (!sign || sign.index > field[1].length + 1)) {
    query.filters.push(makeFilter(field[1].toLowerCase(), field[2].replaceAll('"', '')));
  } else if (!sign) {
    const word = makeWord(token);
    if (word) query.words.push(word);
  } else {
    const left = strip(token.slice(0, sign.index)), right = strip(token.slice(sign.index + sign[0].length));
    query.bounds.push(makeBound(compose(left.replaceAll('"', '')), sign[0], compose(right.replaceAll('"', '')), right.includes('"')));
  }
}

const asksForDeleted = filter => filter.field === 'state' && filter.value === DELETED;
const isOfEither = filter => filter.field === 'label' || asksForDeleted(filter);
const isPointer = filter => filter.field === 'alias' || filter.field === 'tag';
const isOfVersion = filter => isPointer(filter) || own(language.ofVersion, filter.field) !== undefined
  || (filter.field === 'state' && language.versionStates.includes(filter.value));

function parseQuery(line, versions) {
  if (line.split('"').length % 2 === 0) throw new UsageError('a double quote is not closed', 'put "…" around text with spaces');
  const query = { words: [], filters: [], bounds: [] };
  for (const token of line.match(TOKEN) ?? []) readTerm(token, query);
  query.versions = versions || query.bounds.length > 0 || query.filters.some(isOfVersion);
  return query;
}

// Columns are read when a query first needs them.
class Versions {
  constructor(model, columns) {
    const { names } = columns;
    this.columns = columns;
    this.name = model;
    this.count = typeof names === 'number' ? names : names.length;
    this.read = new Map();
  }

  once(key, make) {
    if (!this.read.has(key)) this.read.set(key, make());
    return this.read.get(key);
  }

  version(row) {
    const { names } = this.columns;
    return typeof names === 'number' ? String(names - row) : names[row];
  }

  value(column, row) {
    const [known, places] = this.columns[column];
    return known[places ? places[row] : 0];
  }

  // The rows whose value passes a test; there are few different values.
  keep(rows, column, test) {
    const [known, places] = this.columns[column];
    const passing = known.map(test);
    if (!places) return passing[0] ? rows : [];
    return passing.includes(true) ? rows.filter(row => passing[places[row]]) : [];
  }

  has(column, name, row) {
    return this.once(`${column}:${name}`, () => new Set(own(this.columns[column] ?? {}, name))).has(row);
  }

  namesOf(column, row) {
    return Object.entries(this.columns[column] ?? {}).filter(([, rows]) => rows.includes(row)).map(([name]) => name);
  }

  isUnreadable(row) {
    return this.has('unreadable', 'version', row) || this.has('unreadable', 'status', row);
  }

  day(row) {
    const days = this.once('days', () => {
      let day = 0;
      return this.columns.days.map(one => one === null ? null : day += one);
    });
    return days[row] === null ? '' : new Date(days[row] * 864e5).toISOString().slice(0, 10);
  }

  // Where each row's text begins in the text of all.
  get texts() {
    return this.once('texts', () => {
      const starts = new Uint32Array(this.count + 1);
      const parts = [];
      let length = 0;
      for (let row = 0; row < this.count; row += 1) {
        const part = this.text(row);
        starts[row] = length;
        length += part.length + 1;
        parts.push(part);
      }
      starts[this.count] = length;
      return { starts, whole: parts.join('\0') };
    });
  }

  text(row) {
    const text = this.columns.texts[row];
    if (text[0] === '\x03') return text.slice(1);
    const rest = text.replace('\x01', () => this.columns.descriptions[row].toLowerCase()).replace('\x02', () => this.value('labels', row).join('\n'));
    return fold(`${this.name}@${this.version(row)}`) + rest;
  }

  // The rows whose text has a word: a few texts are read one by one, many as one text.
  keepWith(rows, word) {
    const { starts, whole } = this.texts;
    if (rows.length * 2 < this.count || word.includes('\0')) return rows.filter(row => whole.slice(starts[row], starts[row + 1] - 1).includes(word));
    const found = this.rowsWith(word);
    return rows.filter(row => found[row]);
  }

  rowsWith(word) {
    const { starts, whole } = this.texts;
    const found = new Uint8Array(this.count);
    let row = 0;
    for (let at = whole.indexOf(word); at >= 0 && row < this.count;) {
      while (row + 1 < this.count && starts[row + 1] <= at) row += 1;
      found[row] = 1;
      row += 1;
      at = row < this.count ? whole.indexOf(word, starts[row]) : -1;
    }
    return found;
  }

  // A metric's numbers by row, NaN where it has none; and other values, by row. Null for no such metric.
  metric(name) {
    return this.once(`metric:${name}`, () => {
      const column = own(this.columns.metrics ?? {}, name), odd = own(this.columns.odd ?? {}, name);
      if (!column && !odd) return null;
      const numbers = new Float64Array(this.count).fill(NaN);
      if (Array.isArray(column)) for (let row = 0; row < this.count; row += 1) numbers[row] = column[row] ?? NaN;
      else column?.rows.forEach((row, place) => { numbers[row] = column.values[place]; });
      const others = new Map((odd ?? []).map(([row, kind, value]) => [row, kind === 'number' ? readOddNumber(value) : { text: kind === 'text' ? value : null }]));
      return { numbers, others };
    });
  }

  // Reads the columns that a later query may need.
  prepare() {
    this.isPrepared = true;
    this.texts;
    for (const name of Object.keys(this.columns.metrics ?? {})) this.metric(name);
  }
}

function readOddNumber(digits) {
  if (/^-?[0-9]+$/.test(digits)) return BigInt(digits);
  return digits.startsWith('-') ? -Infinity : digits === 'nan' ? NaN : Infinity;
}

const shards = new Map();

function addShard(file, entries) {
  const models = entries.map(entry => ({
    ...entry,
    namespace: entry.name.slice(0, entry.name.indexOf('/')),
    rows: entry.versions ? new Versions(entry.name, entry.versions) : null,
  }));
  shards.set(file, models);
}

function modelMatches(model, filter) {
  if (filter.field === 'namespace') return model.namespace === fold(filter.value);
  if (filter.field === 'state') return model.state === fold(filter.value);
  const match = language.ofModel[filter.field];
  return match === 'member' ? model.labels.includes(fold(filter.value)) : (own(model.is, filter.field) ?? '') === FORMS[match](filter.value);
}

// The metrics that a name may mean, the first first.
function findMetrics(rows, asked) {
  const names = asked.startsWith(METRICS) ? [asked, asked.slice(METRICS.length)] : [asked];
  return names.map(name => rows.metric(name)).filter(Boolean);
}

function readMetric(metrics, row) {
  for (const { numbers, others } of metrics) {
    const value = numbers[row];
    if (value === value) return value;
    if (others.has(row)) return others.get(row);
  }
  return undefined;
}

function boundHolds(value, bound) {
  const isText = typeof bound.value === 'string';
  if (isText) return (typeof value === 'object' && value.text === bound.value) === (bound.operator === '=');
  return typeof value === 'object' ? bound.operator === '!=' : COMPARE[bound.operator](value, bound.value);
}

// The rows that satisfy a bound. Most metrics are plain numbers, of which there are many.
function keepBound(versions, rows, bound, notes) {
  const metrics = findMetrics(versions, bound.metric);
  const kept = [];
  let missing = 0;
  if (metrics.length === 1 && !metrics[0].others.size && typeof bound.value === 'number') {
    const [{ numbers }] = metrics, accepted = ACCEPTED[bound.operator], limit = bound.value;
    for (let n = 0; n < rows.length; n += 1) {
      const value = numbers[rows[n]];
      if (value !== value) missing += 1;
      else if (accepted[value < limit ? 0 : value > limit ? 2 : 1]) kept.push(rows[n]);
    }
  } else if (metrics.length) {
    for (const row of rows) {
      const value = readMetric(metrics, row);
      if (value === undefined) missing += 1;
      else if (boundHolds(value, bound)) kept.push(row);
    }
  } else {
    missing = rows.length;
  }
  if (missing) notes.asked.add(bound.metric);
  if (missing < rows.length) notes.found.add(bound.metric);
  return kept;
}

// The conditions on the versions of a model: the file that must be readable, and the function that keeps rows.
function stepsFor(query, model, notes) {
  const steps = [];
  const versions = model.rows;
  for (const filter of query.filters) {
    const { field, value } = filter, folded = fold(value);
    const isLabel = field === 'label' && !model.labels.includes(folded);
    if (!isLabel && !isOfVersion(filter) && !asksForDeleted(filter)) continue;
    if (field === 'label') steps.push(['', rows => versions.keep(rows, 'labels', labels => labels.includes(folded))]);
    else if (field === 'alias') steps.push(['', rows => rows.filter(row => versions.has('aliases', value, row))]);
    else if (field === 'tag') steps.push(['', rows => rows.filter(row => versions.has('tags', value, row))]);
    else if (field === 'state') steps.push(['status', rows => versions.keep(rows, 'state', state => state === value)]);
    else {
      const wanted = FORMS[language.ofVersion[field]](folded);
      steps.push(['version', rows => versions.keep(rows, field, one => one === wanted)]);
    }
  }
  for (const bound of query.bounds) steps.push(['version', rows => keepBound(versions, rows, bound, notes)]);
  // Long words first: they leave the fewest.
  for (const word of query.words.toSorted((a, b) => b.length - a.length)) {
    if (model.text.includes(word)) continue;
    steps.push(['version', rows => versions.keepWith(rows, word)]);
  }
  return steps;
}

// The rows that pass, and the rows for which the deciding file cannot be read.
function narrow(versions, rows, steps) {
  if (!versions.columns.unreadable) return [steps.reduce((left, [, keep]) => left.length ? keep(left) : left, rows), []];
  const unreadable = [];
  const setAside = (left, test) => {
    const [bad, good] = [left.filter(test), left.filter(row => !test(row))];
    unreadable.push(...bad);
    return good;
  };
  let left = rows;
  for (const [needs, keep] of steps) {
    if (needs) left = setAside(left, row => versions.has('unreadable', needs, row));
    left = keep(left);
  }
  left = setAside(left, row => versions.isUnreadable(row));
  return [left, unreadable.sort((a, b) => a - b)];
}

// Only one version can have an alias or a tag.
function rowsWorthAsking(query, versions) {
  const named = query.filters.find(isPointer);
  if (named) return own(versions.columns[named.field === 'alias' ? 'aliases' : 'tags'] ?? {}, named.value) ?? [];
  return versions.once('all', () => Array.from({ length: versions.count }, (_, row) => row));
}

function searchModel(model, query, results) {
  if (model.unreadable) {
    results.unreadable.push(model.name);
    return;
  }
  const wantsDeleted = query.filters.some(asksForDeleted);
  if (model.state === DELETED && !wantsDeleted) return;
  const certain = query.filters.filter(f => !isOfVersion(f) && !(query.versions && isOfEither(f)));
  if (!certain.every(filter => modelMatches(model, filter))) return;
  if (!query.versions) {
    if (query.words.every(word => model.text.includes(word))) results.found.push([model, [null]]);
    return;
  }
  const versions = model.rows;
  if (!versions) return;
  const asked = rowsWorthAsking(query, versions);
  const rows = wantsDeleted ? asked : versions.keep(asked, 'state', state => state !== DELETED);
  const [found, unreadable] = narrow(versions, rows, stepsFor(query, model, results.notes));
  if (found.length) results.found.push([model, found]);
  for (const row of unreadable) results.unreadable.push(`${model.name}@${versions.version(row)}`);
}

function describe(model, row, query) {
  if (row === null) return { reference: model.name, model: model.name, title: model.title ?? '', task: model.task ?? '', description: model.description };
  const { rows } = model;
  const metrics = [...new Set(query.bounds.map(bound => bound.metric))].map(asked => {
    const value = readMetric(findMetrics(rows, asked), row);
    return [asked, typeof value === 'object' ? value.text ?? '' : String(value ?? '')];
  });
  return {
    reference: nameOf(model, row), model: model.name, version: rows.version(row), place: row,
    hasPage: !model.pages || model.pages.includes(row), state: rows.value('state', row), day: rows.day(row),
    aliases: rows.namesOf('aliases', row), metrics, description: rows.columns.descriptions[row],
  };
}

function onlyNamespace(query) {
  const asked = new Set(query.filters.filter(f => f.field === 'namespace').map(f => f.value));
  return asked.size === 1 ? [...asked][0] : null;
}

function search(query, limit) {
  const results = { found: [], unreadable: [], notes: { asked: new Set(), found: new Set() } };
  const namespace = onlyNamespace(query);
  for (const model of inOrder()) {
    if (namespace === null || model.namespace === namespace) searchModel(model, query, results);
  }
  const missing = [...results.notes.asked].filter(name => !results.notes.found.has(name)).sort();
  return {
    count: results.found.reduce((sum, [, rows]) => sum + rows.length, 0),
    rows: takeFirst(results.found, limit ?? 0).map(([model, row]) => describe(model, row, query)),
    references: limit === null ? takeFirst(results.found, Infinity).map(([model, row]) => nameOf(model, row)) : undefined,
    unreadable: results.unreadable,
    notes: missing.map(name => `no searched version has a metric ${show(name)}`),
  };
}

const nameOf = (model, row) => row === null ? model.name : `${model.name}@${model.rows.version(row)}`;

function takeFirst(found, limit) {
  const taken = [];
  for (const [model, rows] of found) {
    for (const row of rows) {
      if (taken.length >= limit) return taken;
      taken.push([model, row]);
    }
  }
  return taken;
}

let ordered = null;

// As `registry search` lists them: by namespace, then by name.
function inOrder() {
  const compare = (a, b) => a < b ? -1 : a > b ? 1 : 0;
  ordered ??= [...shards.values()].flat().sort((a, b) => compare(a.namespace, b.namespace) || compare(a.name, b.name));
  return ordered;
}

async function fetchJson(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address}: ${answer.status} ${answer.statusText}`);
  return answer.json();
}

let opened = null;

async function open(manifest) {
  opened ??= fetchJson(manifest).then(readLanguage);
  await opened;
}

async function load(manifest, namespace) {
  const wanted = language.shards.filter(shard => !shards.has(shard.file) && (namespace === null || shard.namespaces.includes(namespace)));
  await Promise.all(wanted.map(async ({ file }) => {
    addShard(file, await fetchJson(new URL(file, manifest)));
    ordered = null;
  }));
}

const SLICE = 8; // milliseconds, so that a query does not wait
let preparing = false;

// Prepares the columns in slices, between messages.
function prepareSoon() {
  if (preparing) return;
  preparing = true;
  const waiting = [...shards.values()].flat().filter(model => model.rows && !model.rows.isPrepared);
  const go = () => {
    const end = performance.now() + SLICE;
    while (waiting.length && performance.now() < end) waiting.pop().rows.prepare();
    preparing = waiting.length > 0;
    if (preparing) setTimeout(go);
    else postMessage({ prepared: true });
  };
  setTimeout(go);
}

self.onmessage = async ({ data: { id, manifest, line, versions, limit } }) => {
  try {
    await open(manifest);
    const query = parseQuery(line, versions);
    await load(manifest, onlyNamespace(query));
    const start = performance.now();
    const answer = search(query, limit);
    postMessage({ id, ...answer, versions: query.versions, milliseconds: performance.now() - start });
    prepareSoon();
  } catch (error) {
    if (!(error instanceof UsageError)) opened = language ? opened : null;
    postMessage({ id, error: error.message, remedy: error instanceof UsageError ? error.remedy : '' });
  }
};
