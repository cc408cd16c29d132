import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  parseTemplate,
  percentEncode,
  placeholdersOf,
  renderTemplate,
  TemplateError,
} from '../../../src/model/template.ts';

function render(text: string, values: Readonly<Record<string, string>>): string | Uint8Array {
  return renderTemplate(parseTemplate(text), (name) => values[name]);
}

const odd = 'p@ss/w:rd?#[x]% &+"\'\\é漢!*()';

test('a placeholder outside a URL stands for the value as it is', () => {
  assert.equal(render('{app.api-key}', { 'app.api-key': odd }), odd);
  assert.equal(
    render('user = {db.username}\npassword = {db.password}', { 'db.username': 'a', 'db.password': odd }),
    `user = a\npassword = ${odd}`,
  );
  assert.equal(render('{cert.tls.crt}{cert.tls.key}', { 'cert.tls.crt': 'A\n', 'cert.tls.key': 'B\n' }), 'A\nB\n');
});

test('a part of a URL is percent-encoded, however odd it is', () => {
  const url = render('postgresql://{u}:{p}@db:5432/{d}?x={p}', { u: 'a b', p: odd, d: 'x/y' }) as string;
  const parsed = new URL(url);
  assert.equal(decodeURIComponent(parsed.username), 'a b');
  assert.equal(decodeURIComponent(parsed.password), odd);
  assert.equal(parsed.pathname, '/x%2Fy');
  assert.equal(parsed.searchParams.get('x'), odd);
});

test('a URL ends at white space and quotes, and begins again with the next scheme', () => {
  assert.equal(
    render('url "redis://:{p}@h" other {p} jdbc:x://{p}', { p: 'a/b' }),
    'url "redis://:a%2Fb@h" other a/b jdbc:x://a%2Fb',
  );
  assert.equal(render('{s}://{p}', { s: 'amqp', p: 'a/b' }), 'amqp://a%2Fb');
  assert.equal(render('// {p} ://{p}', { p: 'a/b' }), '// a/b ://a/b');
});

test('doubled braces are literal, single ones an error with their place', () => {
  assert.equal(render('{{{a}}} {{', { a: '1' }), '{1} {');
  for (const [text, index] of [
    ['ab{', 2],
    ['a}b', 1],
    ['{}', 0],
    ['{a b}', 0],
    ['x{a:hex}', 1],
    ['{a:json:der}', 0],
  ] as const) {
    assert.throws(
      () => parseTemplate(text),
      (error: unknown) => error instanceof TemplateError && error.index === index,
      text,
    );
  }
});

test('encodings: base64, json, der', () => {
  assert.equal(render('Basic {a.b:base64}', { 'a.b': 'é:x' }), `Basic ${Buffer.from('é:x').toString('base64')}`);
  assert.equal(
    render('{{"key": {a:json}, "auth": "{a:base64}", "url": "http://{a}", "port": {db.port}}}', {
      a: odd,
      'db.port': '5432',
    }),
    JSON.stringify({
      key: odd,
      auth: Buffer.from(odd).toString('base64'),
      url: `http://${percentEncode(odd)}`,
      port: 5432,
    })
      .replaceAll('":', '": ')
      .replaceAll(',"', ', "'),
  );
  const der = Buffer.from([1, 2, 3, 250]);
  assert.deepEqual(
    render('{a:der}', { a: `-----BEGIN X-----\n${der.toString('base64')}\n-----END X-----\n` }),
    new Uint8Array(der),
  );
});

test('a bare value in JSON text is an error that names the placeholder and never a value', () => {
  for (const text of ['{{"a": {x}}}', '{{"a": "{x}"}}', '{{"a": "{x:json}"}}', '[{x}]', '{{"a": {x:base64}}}']) {
    assert.throws(() => parseTemplate(text), TemplateError, text);
  }
  parseTemplate('[section]\nkey = {x}');
});

test('der must stand alone and be one block; the value never stands in the message', () => {
  assert.throws(() => parseTemplate('x{a:der}'), TemplateError);
  assert.throws(
    () => render('{a:der}', { a: 'hunter2' }),
    (error: unknown) => error instanceof TemplateError && !error.message.includes('hunter2'),
  );
});

test('a name without a value is an error', () => {
  assert.throws(() => render('{a.b}', {}), /\{a\.b\} has no value/);
});

test('placeholders are listed in order with name, encoding and place', () => {
  assert.deepEqual(placeholdersOf(parseTemplate('a{b.c}d://{e:base64}')), [
    { name: 'b.c', inUrl: false, index: 1 },
    { name: 'e', encoding: 'base64', inUrl: true, index: 10 },
  ]);
});

test('any text with doubled braces comes back as it was', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      assert.equal(render(text.replaceAll('{', '{{').replaceAll('}', '}}'), {}), text);
    }),
  );
});

test('any value in any part of a URL is read back by a URL parser', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), fc.string({ minLength: 1 }), (user, password) => {
      const url = new URL(String(render('x://{u}:{p}@host/?q={p}', { u: user, p: password })));
      assert.equal(decodeURIComponent(url.username), user.toWellFormed());
      assert.equal(decodeURIComponent(url.password), password);
      assert.equal(url.searchParams.get('q'), password);
    }),
  );
});

test('any value in JSON text is read back by a JSON parser', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (value) => {
      const text = render('{{"a": {x:json}, "b": "{x:base64}"}}', { x: value }) as string;
      const read = JSON.parse(text) as { a: string; b: string };
      assert.equal(read.a, value);
      assert.equal(Buffer.from(read.b, 'base64').toString(), value.toWellFormed());
    }),
  );
});
