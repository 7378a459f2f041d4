import { createProgram, jsonOption } from '../../packages/server/src/cli/program.ts';
import { toSchema } from '../../packages/server/src/http/openapi.ts';
import { type Schema, shapeOf } from '../../packages/server/src/http/pages/schema-shape.ts';
import { type AnyRoute, ownProofTexts } from '../../packages/server/src/http/route.ts';
import { enumNameOf, Problem, problemCodes, rendering } from '../../packages/server/src/kernel/problem.ts';
import { networkFileSchema } from '../../packages/server/src/registry/network-file/schema.ts';
import { allRoutes } from '../../packages/server/src/server.ts';
import { describeSettings } from '../../packages/server/src/settings.ts';
import { profiles, settingsSchema } from '../../packages/server/src/subject/realm.ts';

/** The pages of `docs/reference`, by name: made from the tables that the server itself uses. */
export const referencePages: Readonly<Record<string, () => string | Promise<string>>> = {
  'http-api.md': httpApi,
  'cli.md': commandLine,
  'configuration.md': configuration,
  'network-file.md': networkFile,
  'problems.md': problems,
};

const made = '<!-- Made by `npm run generate`. Do not edit. -->';

function page(title: string, ...parts: readonly string[]): string {
  return `${[made, `# ${title}`, ...parts].join('\n\n')}\n`;
}

const provers: Readonly<Record<AnyRoute['security'], string>> = {
  none: 'anyone',
  client: 'a client, with its credentials',
  bearer: 'the holder of an access token of the realm',
  session: 'the holder of a session token, or an administrator where that makes sense',
  administrator: 'an administrator: an access token with scope `countersign:admin`, whose only audience is its issuer',
  participant: 'the participant itself',
};

const refusalNames: Record<AnyRoute['refusals'], string> = {
  problem: 'problem documents',
  oauth: 'OAuth errors',
  corporate: 'names in capitals',
};

function httpApi(): string {
  const routes = allRoutes(() => {
    throw new Error('Nothing is served here.');
  });
  const tags = [...new Set(routes.map(({ tag }) => tag))];
  return page(
    'HTTP API',
    'Every path of the server. A running server gives the same as OpenAPI 3.1 at `/openapi.json` and as a page at `/docs`.',
    'Shapes: `name?` may be left out; `[ … ]` is a list; `string (1..255)` has 1 to 255 characters; `{ … }` takes any members. Refusals are [problem documents, OAuth errors or names in capitals](problems.md). Every answer carries `X-Request-Id`.',
    ...tags.flatMap((tag) => [`## ${tag}`, ...routes.filter((route) => route.tag === tag).map(operation)]),
  );
}

function operation(route: AnyRoute): string {
  const { method, path, summary, security, ownProofs, query, body, answers, refusals } = route;
  const ways = ownProofs === undefined ? '' : `, by ${ownProofs.map((proof) => ownProofTexts[proof]).join('; or ')}`;
  const parts = [
    `### ${method} ${path.replace(/:([A-Za-z_]+)/g, '{$1}')}`,
    summary,
    `For ${provers[security]}${ways}. Refusals: ${refusalNames[refusals]}.`,
  ];
  if (query !== undefined) parts.push('Query:', fenced(shapeOf(toSchema(query, 'input'))));
  if (body !== undefined) {
    const isNetworkFile = body.schema === networkFileSchema;
    parts.push(
      `Body, \`${body.mediaTypes.join('` or `')}\`${isNetworkFile ? ': a [network file](network-file.md).' : ':'}`,
    );
    if (!isNetworkFile) parts.push(fenced(shapeOf(toSchema(body.schema, 'input'))));
  }
  for (const [status, shape] of Object.entries(answers)) {
    if (typeof shape === 'string') parts.push(`Answer ${status}: ${shape}`);
    else parts.push(`Answer ${status}:`, fenced(shapeOf(toSchema(shape, 'output'))));
  }
  return parts.join('\n\n');
}

function networkFile(): string {
  const settings: Schema = toSchema(settingsSchema, 'input');
  const rows = Object.entries(profiles.ocen4).map(([name, value]) => {
    const rule = shapeOf(settings.properties?.[name] ?? {});
    const strict = (profiles.strict as Readonly<Record<string, unknown>>)[name];
    return [code(name), code(rule), code(JSON.stringify(value)), code(JSON.stringify(strict))];
  });
  return page(
    'Network file',
    'What `countersign apply` and `POST /admin/network` take, and what `export` gives. Every object is strict: a member that is not here is refused, with its JSON pointer. What a file leaves out stays as it is, `null` clears, and a list that is given replaces the list. How to use it: [register a participant](../register-a-participant.md).',
    fenced(shapeOf(toSchema(networkFileSchema, 'input'))),
    '## Settings of a realm',
    'A profile gives the defaults; `settings` overrides each by name. `development` is true in realm `dev` unless the file says otherwise.',
    table(['setting', 'values', '`ocen4`', '`strict`'], rows),
  );
}

type Command = Awaited<ReturnType<typeof createProgram>>;
type Option = Command['options'][number];
type Argument = Command['registeredArguments'][number];

async function commandLine(): Promise<string> {
  const program = await createProgram();
  const leaves = commandsOf(program, '');
  return page(
    'Command line',
    `\`countersign\`: ${program.description()} In the clone it is \`npx countersign\`.`,
    'Results are on standard output: JSON for programs, and tables where that is a terminal, unless the command has `--json`, which all but `serve`, `gateway` and `completion` take. `--version` shows the version. A refusal is one line on standard error and exit code 1.',
    'Commands that are marked *online* ask a running server, as an administrator: the one of `--profile`, else the one of `COUNTERSIGN_ADMIN_CLIENT_ID` and `…_SECRET`, else the one in the data directory.',
    table(['option of every online command', 'meaning'], sharedOptions(leaves).map(option)),
    ...leaves.map((leaf) => commandText(leaf, sharedOptions(leaves))),
  );
}

interface Leaf {
  readonly command: Command;
  readonly path: string;
}

function commandsOf(command: Command, path: string): readonly Leaf[] {
  const full = path === '' ? command.name() : `${path} ${command.name()}`;
  return command.commands.length > 0
    ? command.commands.flatMap((child) => commandsOf(child, full))
    : [{ command, path: full }];
}

/** The options that all online commands share. A command is online if it takes `--profile`. */
function sharedOptions(leaves: readonly Leaf[]): readonly Option[] {
  const { options } = leaves.find(({ command }) => isOnline(command))?.command ?? {};
  return (options ?? []).filter(({ long }) => long === '--realm' || long === '--profile');
}

function isOnline({ options }: Command): boolean {
  return options.some(({ long }) => long === '--profile');
}

function commandText({ command, path }: Leaf, shared: readonly Option[]): string {
  const written = [path, ...command.registeredArguments.map(argument)].join(' ');
  const isShared = ({ flags, description }: Option) =>
    shared.some((other) => other.flags === flags && other.description === description);
  const own = command.options.filter((one) => !isShared(one) && one.description !== jsonOption);
  const parts = [`## \`${written}\``];
  const text = [isOnline(command) ? '*Online.*' : '', command.description()].filter(Boolean).join(' ');
  if (text !== '') parts.push(text);
  if (own.length > 0) parts.push(table(['option', 'meaning'], own.map(option)));
  return parts.join('\n\n');
}

function argument(one: Argument): string {
  return one.required ? `<${one.name()}>` : `[${one.name()}]`;
}

function option({ flags, description, mandatory, defaultValue }: Option): readonly string[] {
  const isSilent = defaultValue === undefined || defaultValue === '' || defaultValue === false;
  const notes = [mandatory ? 'required' : '', isSilent ? '' : `default: \`${String(defaultValue)}\``].filter(Boolean);
  return [code(flags), notes.length === 0 ? description : `${description} (${notes.join('; ')})`];
}

function configuration(): string {
  const rows = describeSettings().map(({ name, text, unset, asFile }) => [
    code(name) + (asFile ? ` or ${code(`${name}_FILE`)}` : ''),
    unset === undefined || (Array.isArray(unset) && unset.length === 0) ? '' : code(String(unset)),
    text,
  ]);
  return page(
    'Configuration',
    'Environment variables, or the same names as members of a JSON file that `COUNTERSIGN_CONFIG` names; the environment wins. A secret may come as `…_FILE`, the path of a file that holds it. An empty variable counts as unset. Every variable is also an option of [`serve`](cli.md) (`--port` for `COUNTERSIGN_PORT`; of a secret only the file, `--master-key-file`), and the option wins.',
    'A bad value, or an unknown member of the file, stops the start with one line that names it. An unknown variable is a warning.',
    table(['variable', 'default', 'meaning'], rows),
  );
}

function problems(): string {
  const rows = problemCodes.map((name) => {
    const { status, oauth, oauthStatus, text } = rendering(new Problem(name));
    return [code(name), String(status), `${oauthStatus} ${code(oauth)}`, code(enumNameOf(name)), text];
  });
  return page(
    'Problems',
    'Every refusal has a stable code. On native paths it is the `code` of an `application/problem+json` document (RFC 9457) with `type`, `title`, `detail`, `pointer` where the place of the fault is known, and `requestId`. On OAuth paths it is an error object of RFC 6749 §5.2. On corporate paths (`/auth`, `/passwords`, `/identities`) a 400 is `{message, validation: {invalid, fields: [{name, errors}]}}`, and every other refusal `{code, errorCode, message, requestId}` with a name in capitals.',
    'A refusal that depends on what only the server knows (an unknown or suspended subject, a wrong secret) looks the same as its neighbours; the log tells them apart by the request id.',
    table(['code', 'status', 'on OAuth paths', 'on corporate paths', 'text, unless the rule gives a detail'], rows),
  );
}

function fenced(text: string): string {
  return `\`\`\`text\n${text}\n\`\`\``;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** A bar is escaped, because it would end a table cell even in code. */
function code(text: string): string {
  return `\`${text.replaceAll('|', '\\|')}\``;
}
