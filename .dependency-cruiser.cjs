/**
 * Who may import whom. Each rule has a file in scripts/import-rules-fixture that breaks it, and `npm run check` fails
 * when a rule finds nothing there. Type-only imports count: a room that needs another room's types knows that room.
 *
 * The suffix is the layer: `*.http.ts` and `*.rpc.ts` are wire, `*.store.ts` is SQL, a bare name is a rule.
 */

const server = '^packages/server/src/';
const wireFile = '[.](http|rpc)[.]ts$';
const storeFile = '[.]store[.]ts$';
const databaseDriver = '^((node:)?sqlite|.*node_modules/(pg|pg-[^/]+|better-sqlite3|mysql2?)/.*)$';
const wirePackage = 'node_modules/(hono|@hono|@connectrpc|express|fastify)/';
const ofOurs = '^packages/';

/** The rooms that hold rules. http/, callers/, rpc/ and cli/ are edges; server.ts composes. */
const rooms = 'kernel|subject|registry|wallets|passwords|jobs|mail';
const proofKinds = ['registry', 'wallets', 'passwords'];

/**
 * The floors of the server, the lowest first: a room imports from the floors below it. Wire files of subject stand on
 * callers. The rules below say more of kernel, store, http and callers.
 */
const floors = [
  'kernel',
  'store',
  'http',
  'subject',
  'mail',
  'callers',
  'rpc',
  `${proofKinds.join('|')}|gateway`,
  'jobs',
  'cli',
];
const looksDown = ['subject', 'mail', 'rpc', floors[7], 'jobs'];

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'What imports each other is one thing: say so, or move the shared part to a room both know.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'nothing-unresolved',
      comment: 'An import that leads nowhere could not be held against any rule.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    ...proofKinds.map((kind) => ({
      name: `${kind}-alone`,
      comment: 'Registry, wallets and passwords never import one another: they meet in subject, kernel and proof.',
      severity: 'error',
      from: { path: `${server}${kind}/` },
      to: { path: `${server}(${proofKinds.filter((other) => other !== kind).join('|')})/` },
    })),
    ...looksDown.map((floor) => ({
      name: `${floor.split('|')[0]}-looks-down`,
      comment: 'A room stands on the floors below it. What two floors share belongs to the lower one.',
      severity: 'error',
      from: { path: `${server}(${floor})/`, ...(floor === 'subject' && { pathNot: wireFile }) },
      to: { path: `${server}(${floors.slice(floors.indexOf(floor) + 1).join('|')})/` },
    })),
    {
      name: 'rules-know-no-wire',
      comment: 'A rule that knows HTTP or gRPC cannot be used by the other, nor by the command line.',
      severity: 'error',
      from: { path: `${server}(${rooms})/`, pathNot: wireFile },
      to: {
        path: [
          `${server}(http|callers|rpc)/`,
          `${server}route[.]ts$`,
          wirePackage,
          '^(node:)?(http|https|http2|net|tls)$',
        ],
      },
    },
    {
      name: 'rules-know-no-driver',
      comment: 'SQL goes through Kysely in a *.store.ts; drivers live in server/src/store/ only.',
      severity: 'error',
      from: { path: '^packages/[^/]+/src/', pathNot: `${server}store/` },
      to: { path: databaseDriver },
    },
    {
      name: 'rules-write-no-sql',
      comment:
        'A rule asks its store. It may name the type of the transaction it passes on; the rest of Kysely is SQL.',
      severity: 'error',
      from: { path: `${server}(${rooms})/`, pathNot: storeFile },
      to: { path: 'node_modules/kysely/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'store-files-from-their-own-room',
      comment: 'SQL of a room is asked by the rules of that room; others call the rule.',
      severity: 'error',
      from: { path: '^(packages/[^/]+/src/[^/]+)/' },
      to: { path: storeFile, pathNot: '^$1/' },
    },
    {
      name: 'hashing-and-private-keys-in-few-rooms',
      comment: 'node:crypto only where keys and secrets are handled, so that a review has few files to read.',
      severity: 'error',
      from: {
        path: '^packages/[^/]+/src/',
        pathNot: [
          '^packages/client/src/node-crypto[.]ts$',
          '^packages/client/src/wallet/node-scrypt[.]ts$',
          `${server}subject/`,
          `${server}kernel/random[.]ts$`,
          `${server}gateway/long-signature[.]ts$`,
        ],
      },
      to: { path: '^(node:)?crypto$' },
    },
    {
      name: 'wire-files-from-their-own-room',
      comment: 'Routes are mounted in one place, server.ts; what several wire files of a room share stays in the room.',
      severity: 'error',
      from: { path: '^(packages/[^/]+/src/[^/]+)/', pathNot: `${server}server[.]ts$` },
      to: { path: wireFile, pathNot: '^$1/' },
    },
    {
      name: 'http-knows-no-room',
      comment:
        'Transport only, generic over the context: who calls is said in callers/, what is done in the rooms. route.ts binds it.',
      severity: 'error',
      from: { path: `${server}http/` },
      to: { path: server, pathNot: [`${server}(http|kernel)/`, `${server}(store/fault|pem)[.]ts$`] },
    },
    {
      name: 'callers-stand-on-subject',
      comment: 'The kinds of caller that rooms share. One that needs a room lives there, in a wire file.',
      severity: 'error',
      from: { path: `${server}callers/` },
      to: { path: `${server}[^/]+/`, pathNot: `${server}(callers|http|kernel|subject)/` },
    },
    {
      name: 'client-knows-proof-only',
      comment: 'Participants install the client: it never pulls the server.',
      severity: 'error',
      from: { path: '^packages/client/' },
      to: { path: ofOurs, pathNot: '^packages/(client|proof)/' },
    },
    {
      name: 'gateway-knows-no-server',
      comment:
        'The gateway stands beside an application, far from the database: it knows what any participant knows, and reads addresses and files as the server does.',
      severity: 'error',
      from: { path: `${server}gateway/` },
      to: {
        path: ofOurs,
        pathNot: [
          '^packages/(client|proof)/',
          `${server}(gateway|kernel)/`,
          `${server}(http/source|json-file|pem)[.]ts$`,
        ],
      },
    },
    {
      name: 'console-knows-client-only',
      comment: 'The console can do what any caller of the admin API can, and nothing more.',
      severity: 'error',
      from: { path: '^packages/console/' },
      to: { path: ofOurs, pathNot: '^packages/(console|client)/' },
    },
    {
      name: 'proof-knows-nobody',
      comment: 'Both ends of every exchange compute it.',
      severity: 'error',
      from: { path: '^packages/proof/src/' },
      to: { path: ofOurs, pathNot: '^packages/proof/' },
    },
    {
      name: 'proof-runs-in-browsers',
      comment: 'No node: imports in proof.',
      severity: 'error',
      from: { path: '^packages/proof/src/' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'kernel-knows-kernel-only',
      comment: 'Everything stands on the kernel.',
      severity: 'error',
      from: { path: `${server}kernel/` },
      to: { path: ofOurs, pathNot: `${server}kernel/` },
    },
    {
      name: 'store-knows-kernel-only',
      comment: 'Opening and migrating a database needs no rule.',
      severity: 'error',
      from: { path: `${server}store/` },
      to: { path: ofOurs, pathNot: `${server}(store|kernel)/` },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^packages/[^/]+/dist/' },
    tsPreCompilationDeps: true,
    detectProcessBuiltinModuleCalls: true,
    combinedDependencies: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.mjs', '.cjs', '.json', '.d.ts'],
    },
  },
};
