import { describe, expect, test } from 'vitest';
import { readPostgresUrl } from '../src/store/postgres-url.ts';

function read(url: string) {
  const servers = readPostgresUrl(url);
  if (typeof servers === 'string') throw new Error(servers);
  return servers;
}

describe('the URL of a PostgreSQL database', () => {
  test.each<[string, readonly string[], string, boolean]>([
    ['postgres://db/x', ['postgres://db/x'], 'x at db', false],
    ['postgresql://u:p@db:5433/x', ['postgres://u:p@db:5433/x'], 'x at db:5433', false],
    ['postgres://u@db', ['postgres://u@db'], 'of the user at db', false],
    ['postgres:///x', ['postgres:///x'], 'x at a local socket', false],
    ['postgres://u@%2Fvar%2Frun/x', ['postgres://u@%2Fvar%2Frun/x'], 'x at %2Fvar%2Frun', false],
    ['postgres://a:1,b:2,c/x', ['postgres://a:1/x', 'postgres://b:2/x', 'postgres://c/x'], 'x at a:1, b:2, c', true],
    [
      'postgres://u:p%40%2F%25@[::1]:5432,[fe80::2]/x?sslmode=verify-full&target_session_attrs=read-write',
      [
        'postgres://u:p%40%2F%25@[::1]:5432/x?sslmode=verify-full',
        'postgres://u:p%40%2F%25@[fe80::2]/x?sslmode=verify-full',
      ],
      'x at [::1]:5432, [fe80::2]',
      true,
    ],
    ['postgres://a/x?target_session_attrs=primary', ['postgres://a/x'], 'x at a', true],
    ['postgres://a/x?target_session_attrs=any', ['postgres://a/x'], 'x at a', false],
    ['postgres://a,b/x?target_session_attrs=any', ['postgres://a/x', 'postgres://b/x'], 'x at a, b', true],
    ['postgres://u:p@ss@a/x', ['postgres://u:p@ss@a/x'], 'x at a', false],
  ])('%s', (url, urls, name, mustWrite) => {
    expect(read(url)).toEqual({ urls, name, mustWrite });
  });

  test.each([
    ['postgres://u:p@a:1,b:x/d', 'host 2 has a port'],
    ['postgres://u:p@a,/d', 'host 2 has no name'],
    ['postgres://u:p@::1/d', 'its host is not a name or an address'],
    ['postgres://u:p/q@a/d', 'percent-encode'],
    ['postgres://u:p@a/d?target_session_attrs=standby', 'target_session_attrs'],
    ['postgres://u:p@/d?host=a,b', 'parameter host'],
  ])('%s is refused with the part that is wrong', (url, words) => {
    expect(readPostgresUrl(url)).toContain(words);
  });
});
