import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MountedSettings } from './mounted-settings.ts';

const OLD = '..2026_11_26_05_00_00.123456789';
const NEW = '..2026_11_26_06_00_00.987654321';

describe('MountedSettings', () => {
  /** What lies in /etc/imagegc, changed by the test. */
  const lookAt = (first: readonly string[]) => {
    const now = { names: first };
    const listDirectory = (path: string): readonly string[] => {
      if (path !== '/etc/imagegc') throw new Error('ENOENT');
      return now.names;
    };
    return { now, settings: new MountedSettings(['/etc/imagegc/config.toml', '/etc/imagegc/conf.d/pool.toml'], listDirectory) };
  };

  test('tells a change of a ConfigMap once', () => {
    const { now, settings } = lookAt([OLD, '..data', 'conf.d', 'config.toml']);
    assert.equal(settings.hasChanged(), false);
    now.names = [NEW, '..data', 'conf.d', 'config.toml'];
    assert.deepEqual([settings.hasChanged(), settings.hasChanged()], [true, false]);
  });

  test('waits until the old version is gone, so that it never reads that one again', () => {
    const { now, settings } = lookAt([OLD, '..data', 'config.toml']);
    now.names = [OLD, NEW, '..data', '..data_tmp', 'config.toml'];
    assert.equal(settings.hasChanged(), false);
    now.names = [NEW, '..data', 'config.toml'];
    assert.equal(settings.hasChanged(), true);
  });

  test('never tells of files that a person writes, nor of a folder that cannot be read', () => {
    const { now, settings } = lookAt(['config.toml']);
    now.names = ['config.toml', '.config.toml.swp'];
    assert.equal(settings.hasChanged(), false);
    assert.equal(new MountedSettings(['/nowhere/config.toml'], () => assert.fail('unreadable')).hasChanged(), false);
  });
});
