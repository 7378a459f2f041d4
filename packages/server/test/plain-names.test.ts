import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { z } from 'zod';
import { rounds } from '../../proof/test/support/rounds.ts';
import { isPlain } from '../src/kernel/text.ts';
import { networkFileSchema } from '../src/registry/network-file/schema.ts';
import { allRoutes } from '../src/server.ts';
import { credentialCode, foldCredentialCode } from '../src/subject/credential-code.ts';
import { isUsername } from '../src/subject/username.ts';
import { requireDescription } from '../src/wallets/description.ts';

const invisible = [
  '\u200b',
  '\u202a',
  '\u202e',
  '\u2066',
  '\u00ad',
  '\u3164',
  '\ufeff',
  '\u200d',
  '\u{e0041}',
  '\u2800',
];

type Schema = z.ZodType & {
  readonly def: {
    readonly type: string;
    readonly shape?: Readonly<Record<string, Schema>>;
    readonly element?: Schema;
    readonly innerType?: Schema;
    readonly options?: readonly Schema[];
    readonly valueType?: Schema;
    readonly keyType?: Schema;
    readonly in?: Schema;
  };
};

/** Every schema of a text within a schema, with its place. */
function textsOf(schema: Schema, at: string): readonly (readonly [string, Schema])[] {
  const { type, shape = {}, options = [], ...inner } = schema.def;
  if (type === 'string') return [[at, schema]];
  const below = [inner.element, inner.innerType, inner.valueType, inner.in].filter((one) => one !== undefined);
  return [
    ...Object.entries(shape).flatMap(([name, one]) => textsOf(one, `${at}/${name}`)),
    ...[...options, ...below].flatMap((one) => textsOf(one, at)),
  ];
}

/** What is compared, verified or looked for, and not kept to be read; and a URL, which has a rule of its own. */
const otherTexts = new RegExp(
  [
    '^/realms/:realm/(protocol|signatures|receipts)/',
    '/([a-z]*password|oldPassword|newPassword)(/value)?$',
    '/(proof|proofs/new|proofs/current)$',
    '^/realms/:realm/registry/(applications/(baseUrl|:id/credentials/code)|participants/:id/details/baseUrl)$',
    // Each row is checked by the schema of one credential.
    '/admin/credentials/invitations/rows/[a-zA-Z]+$',
    '/(auth/login|passwords/lost_password/(start|resume))/(credentialCode|email)$',
    '/admin/capabilities/revoke/(walletId|capabilityId|did)$',
  ].join('|'),
);

describe('no text that is stored and read has invisible characters', () => {
  const routes = allRoutes(() => undefined as never).filter(({ body }) => body !== undefined);
  const fields = [
    ...routes.flatMap(({ path, body }) => textsOf(body?.schema as unknown as Schema, path)),
    ...textsOf(networkFileSchema as unknown as Schema, 'network file'),
  ];
  test('there are fields to look at', () => expect(fields.length).toBeGreaterThan(300));
  test.each(fields.filter(([at]) => !otherTexts.test(at)))('%s', (_at, schema) => {
    for (const sign of invisible) expect(schema.safeParse(`name${sign}name`).success).toBe(false);
  });

  test('the description of a wallet', () => {
    for (const sign of invisible) expect(() => requireDescription(`a${sign}b`)).toThrow('description must be one line');
  });
});

test.each([
  'Société Générale',
  'Бета-Банк «Восток»',
  'בנק לאומי',
  'می\u200cخواهم',
  'क्\u200dष',
  '日本銀行（東京）',
  'Love ❤\ufe0f & 👩\u200d💻',
  'e\u0301',
])('%s is a name as it is', (name) => {
  expect(isPlain(name)).toBe(true);
});

test.each(['Al\u200dice', 'Al\u200cice', 'Acme 1\ufe0f', 'a\u034fb', '\u2067abc', 'x\ufdd0', '🏴\u{e0067}\u{e007f}'])(
  '%j only looks like one',
  (name) => {
    expect(isPlain(name)).toBe(false);
  },
);

describe('the code of a credential', () => {
  test.each([
    ['alice@acme.example', 'alice@acme.example'],
    ['ALICE', 'alice'],
    [' Alice Smith ', 'alice smith'],
    ['\ufeffalice', 'alice'],
    ['ｂｏｂ＠ａｃｍｅ', 'bob@acme'],
    ['ｶﾞ', 'ガ'],
    ['Straße', 'straße'],
    ['Ｏ́scar', 'óscar'],
    ['STRAẞE', 'straße'],
    ['ΣΊΣΥΦΟΣ', 'σίσυφος'],
    ['col·lecció', 'col·lecció'],
    ['משה', 'משה'],
    ['محمد123', 'محمد123'],
    ['田中・太郎', '田中・太郎'],
    ['a+b_c-d!#$%', 'a+b_c-d!#$%'],
  ])('%s is %s', (given, code) => {
    expect(credentialCode.parse(given)).toBe(code);
  });

  test.each([
    ['a zero width space', 'al\u200bice'],
    ['an embedding', 'al\u202aice'],
    ['a soft hyphen', 'al\u00adice'],
    ['only a Hangul filler', '\u3164'],
    ['a half-width Hangul filler', 'a\uffa0'],
    ['a joiner', 'می\u200cخواهم'],
    ['a byte order mark', 'al\ufeffice'],
    ['a ligature', 'ﬁona'],
    ['a Roman numeral', 'henryⅣ'],
    ['a fraction', 'a½'],
    ['a letterlike symbol', 'bob™'],
    ['a full-width macron', 'a￣b'],
    ['a sign beyond ASCII', 'alice→bob'],
    ['an emoji', 'alice😀'],
    ['a middle dot elsewhere', 'a·b'],
    ['a Katakana dot among Latin letters', 'a・b'],
    ['both directions', 'משהbob'],
    ['both directions the other way', 'bobמשה'],
    ['digits before letters from right to left', '1משה'],
    ['two kinds of Arabic digits', 'م\u0661\u06f1'],
    ['digits of Arabic and of ASCII', 'م\u06611'],
    ['two blanks in a row', 'alice  smith'],
    ['a tab', 'alice\tsmith'],
    ['blanks only', '   '],
    ['a private character', 'a\ue000'],
    ['an unassigned one', 'a\u{2fffe}'],
    ['half of a character', 'a\ud800'],
    ['a conjoining letter', 'a\u1100'],
    ['a tatweel', 'مـد'],
  ])('is refused with %s', (_fault, given) => {
    expect(credentialCode.safeParse(given).success).toBe(false);
  });

  test('is the same however often and by whichever way it is folded', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 6 }), (text) => {
        const parsed = credentialCode.safeParse(text);
        if (!parsed.success) return;
        expect(foldCredentialCode(parsed.data)).toBe(parsed.data);
        expect(credentialCode.parse(parsed.data)).toBe(parsed.data);
        expect(isUsername(parsed.data)).toBe(true);
      }),
      { numRuns: rounds(3_000) },
    );
  });
});
