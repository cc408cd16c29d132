import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { parseSettings, renderSettings, settingLine } from '../../../src/targets/process/settings.ts';

test('a value comes back from its line, whatever it holds', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (value) => {
      fc.pre(!/[\n\r\0]/.test(value));
      assert.equal(parseSettings(settingLine('a.b', value)).get('a.b'), value);
    }),
  );
});

test("the fleet's own settings win, those by which Keywright comes in do not change", () => {
  const text = renderSettings({
    port: 15_432,
    socketDirectory: '/tmp/kw-0123abcd',
    startSettings: { shared_buffers: '1GB', port: '1' },
  });
  const settings = parseSettings(text);
  assert.equal(settings.get('shared_buffers'), '1GB');
  assert.equal(settings.get('port'), '15432');
  assert.equal(settings.get('log_statement'), 'none');
});
