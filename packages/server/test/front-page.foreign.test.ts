/** The pages of the server in a real browser: by keyboard, in light and dark, checked by axe. */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openPage, type Page } from './support/devtools.ts';
import { eventually as within } from './support/eventually.ts';
import { type TestServer, testServer } from './support/server.ts';

const chromium = '/usr/bin/chromium';
/** Debian's, which CI installs. */
const isThere = existsSync(chromium);
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

test.runIf(process.env.CI)('Chromium is there', () => expect(isThere, 'apt-get install chromium').toBe(true));

describe.skipIf(!isThere)('in Chromium (skipped where it is not installed)', { timeout: 60_000 }, () => {
  let server: TestServer;
  let page: Page;
  beforeAll(async () => {
    server = await testServer();
    page = await openPage(chromium);
  }, 60_000);
  afterAll(async () => {
    await page?.close();
    await server?.close();
  });

  const shown = () =>
    page.evaluate<string[]>("[...document.querySelectorAll('details:not([hidden])')].map((one) => one.id)");
  const eventually = (check: () => boolean | Promise<boolean>) => within(check, 15_000);
  const focused = () => page.evaluate<string>('document.activeElement.id || document.activeElement.tagName');

  test.each([
    ['/', 'light'],
    ['/', 'dark'],
    ['/docs', 'light'],
    ['/docs', 'dark'],
  ])('axe finds nothing on %s in %s', async (path, value) => {
    await page.send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value }] });
    await page.go(server.url + path);
    const ground = await page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
    expect(ground).toBe(value === 'light' ? 'rgb(255, 255, 255)' : 'rgb(22, 22, 22)');
    await page.evaluate("document.querySelectorAll('details').forEach((one, i) => (one.open = i < 6))");
    await page.evaluate(`${axe};undefined`);
    const found = await page.evaluate(
      'axe.run().then(({ violations }) => violations.map(({ id, nodes }) => id + " " + nodes[0].html))',
    );
    expect(found).toEqual([]);
  });

  test('the keyboard alone finds an operation, opens it, calls it, and reads the answer', async () => {
    await page.go(`${server.url}/docs`);
    const all = await shown();
    await page.press('/');
    expect(await focused()).toBe('q');
    await page.press(...'getcert');
    expect(await shown()).toEqual(['getCertificate']);
    expect(await page.evaluate("document.getElementById('found').textContent")).toBe(`1 of ${all.length} operations`);
    await page.press('Tab', 'Tab');
    expect(await focused()).toBe('SUMMARY');
    await page.press('Enter');
    await eventually(
      async () => await page.evaluate<boolean>("document.querySelector('#getCertificate form') !== null"),
    );
    expect(await page.evaluate("document.getElementById('getCertificate-realm').value")).toBe('dev');
    await page.evaluate("document.getElementById('getCertificate-realm').focus()");
    await page.press('Enter');
    await eventually(async () =>
      (await page.evaluate<string>("document.querySelector('#getCertificate form pre').textContent")).includes(
        '"keys"',
      ),
    );
    expect(await page.evaluate("document.querySelector('#getCertificate form p').textContent")).toBe(
      '200 application/json',
    );
  });

  test('an address opens its operation, and an answer with markup stays text', async () => {
    await page.go(`${server.url}/docs?q=#getOpenIdConfiguration`);
    await eventually(
      async () => await page.evaluate<boolean>("document.querySelector('#getOpenIdConfiguration form') !== null"),
    );
    await page.evaluate("document.getElementById('getOpenIdConfiguration-realm').value = '<img src=x>'");
    await page.evaluate("document.querySelector('#getOpenIdConfiguration form').requestSubmit()");
    await eventually(async () =>
      (await page.evaluate<string>("document.querySelector('#getOpenIdConfiguration form p').textContent")).startsWith(
        '404',
      ),
    );
    expect(await page.evaluate("document.querySelector('img') === null")).toBe(true);
  });

  test('the policy of the page has refused nothing of its own, and refuses what is put in', async () => {
    expect(page.errors.filter((text) => !text.includes('404'))).toEqual([]);
    await page.go(`${server.url}/docs`);
    await page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.ran = 1\">')");
    await page.evaluate(
      "document.body.append(Object.assign(document.createElement('script'), { textContent: 'window.ran = 1' }))",
    );
    await eventually(() => page.errors.some((text) => text.includes('Content Security Policy')));
    expect(await page.evaluate('window.ran')).toBeUndefined();
  });
});
