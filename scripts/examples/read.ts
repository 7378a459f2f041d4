/**
 * Reads the docstrings of the public exports of a package with the TypeScript compiler, and makes its `@example`s runnable.
 *
 * An example is a few lines of TypeScript. It may use every export of its own entry, every export of @countersign/proof, and
 * the names of fixtures.ts. A line that ends in `// → value` is an expression with this value; a line that ends in `// throws code`
 * is an expression that throws an error with this code, or of this name. The last line shows one of them.
 */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

export interface Entry {
  /** `@countersign/proof/argument` */
  readonly name: string;
  readonly file: string;
  readonly exports: readonly Export[];
}

export interface Export {
  readonly name: string;
  /** Types and constants need no example. */
  readonly isCallable: boolean;
  readonly isValue: boolean;
  readonly summary: string;
  readonly throws: readonly string[];
  /** The example as it was written; undefined if there is none. */
  readonly example: string | undefined;
  /** The members and parameters that are numbers without a unit. */
  readonly bareNumbers: readonly string[];
}

const root = join(import.meta.dirname, '..', '..');

function compilerOptions(): ts.CompilerOptions {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.base.json'), ts.sys.readFile);
  return ts.parseJsonConfigFileContent(config, ts.sys, root, undefined, undefined, undefined, []).options;
}

/** A program of these files, of which some need not exist on the disk. */
function programOf(files: readonly string[], made: ReadonlyMap<string, string>, old?: ts.Program): ts.Program {
  const options = compilerOptions();
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile } = host;
  const parsed = new Map(old?.getSourceFiles().map((file) => [file.fileName, file]));
  host.fileExists = (name) => made.has(name) || fileExists(name);
  host.readFile = (name) => made.get(name) ?? readFile(name);
  host.getSourceFile = (name, language, ...rest) => {
    const text = made.get(name);
    if (text !== undefined) return ts.createSourceFile(name, text, language, true);
    return parsed.get(name) ?? getSourceFile(name, language, ...rest);
  };
  return ts.createProgram([...files, ...made.keys()], options, host, old);
}

export interface Package {
  readonly entries: readonly Entry[];
  readonly program: ts.Program;
}

/** The exports of a package, entry by entry, as its package.json lists them. */
export function readPackage(folder: string): Package {
  const manifest = JSON.parse(readFileSync(join(root, 'packages', folder, 'package.json'), 'utf8'));
  const files = Object.entries<string>(manifest.exports).map(([path, source]) => ({
    name: manifest.name + path.slice(1),
    file: join(root, 'packages', folder, source),
  }));
  const program = programOf(
    files.map(({ file }) => file),
    new Map(),
  );
  const checker = program.getTypeChecker();
  const entries = files.map(({ name, file }) => {
    const module = checker.getSymbolAtLocation(program.getSourceFile(file) as ts.SourceFile) as ts.Symbol;
    const own = checker.getExportsOfModule(module).filter((one) => !isGenerated(resolved(one, checker)));
    return { name, file, exports: own.map((one) => readExport(one.name, resolved(one, checker), checker)) };
  });
  return { entries: entries.filter(({ exports }) => exports.length > 0), program };
}

/**
 * The codes of errors: every text of the form `noun.fault` in the sources. Of a code that is made of parts only the fixed part is
 * known: `noun.`, or `.fault`.
 */
export function knownCodes(): readonly string[] {
  const files = globSync('packages/{proof,client,server}/src/**/*.ts', { cwd: root });
  const texts = files.map((file) => readFileSync(join(root, file), 'utf8'));
  const literal = /'(\w+\.\w+)'|`(\w+\.)\$\{|`\$\{\w+\}(\.\w+)`/g;
  return texts.flatMap((text) =>
    [...text.matchAll(literal)].map(([, whole, start, end]) => whole ?? start ?? end ?? ''),
  );
}

function resolved(symbol: ts.Symbol, checker: ts.TypeChecker): ts.Symbol {
  return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
}

/** Generated code brings its own docs. */
function isGenerated(symbol: ts.Symbol): boolean {
  return symbol.declarations?.every((one) => one.getSourceFile().fileName.includes('/gen/')) ?? false;
}

function readExport(name: string, symbol: ts.Symbol, checker: ts.TypeChecker): Export {
  const isValue = (symbol.flags & ts.SymbolFlags.Value) !== 0;
  const type = checker.getTypeOfSymbol(symbol);
  const isCallable = isValue && type.getCallSignatures().length + type.getConstructSignatures().length > 0;
  const tags = symbol.getJsDocTags(checker);
  const textsOf = (tag: string) =>
    tags.filter((one) => one.name === tag).map((one) => ts.displayPartsToString(one.text).trim());
  const summary = ts.displayPartsToString(symbol.getDocumentationComment(checker)).trim();
  const about = [summary, ...textsOf('param')].join(' ');
  return {
    name,
    isCallable,
    isValue,
    summary,
    throws: textsOf('throws'),
    example: textsOf('example')[0],
    bareNumbers: bareNumbers(symbol, about, checker),
  };
}

const unit =
  /second|byte|character|bits|level|links|entries|signature checks|how many|number of|status|port|codec|index|offset|count/i;

/** Numbers of an interface or of the parameters of a function: neither they nor the whole say the unit. */
function bareNumbers(symbol: ts.Symbol, about: string, checker: ts.TypeChecker): readonly string[] {
  const found: string[] = [];
  for (const declaration of symbol.declarations ?? []) {
    if (unit.test(about)) continue;
    const members = ts.isInterfaceDeclaration(declaration)
      ? declaration.members.filter(ts.isPropertySignature)
      : ts.isFunctionDeclaration(declaration)
        ? declaration.parameters.filter((one) => ts.isIdentifier(one.name))
        : [];
    for (const member of members) {
      const own = checker.getSymbolAtLocation(member.name);
      if (own === undefined || !isNumber(checker.getTypeOfSymbol(own))) continue;
      if (!unit.test(ts.displayPartsToString(own.getDocumentationComment(checker)))) found.push(own.name);
    }
  }
  return found;
}

function isNumber(type: ts.Type): boolean {
  const absent = ts.TypeFlags.Undefined | ts.TypeFlags.Null;
  const parts = (type.isUnion() ? type.types : [type]).filter(({ flags }) => (flags & absent) === 0);
  return parts.length > 0 && parts.every(({ flags }) => (flags & ts.TypeFlags.NumberLike) !== 0);
}

/** The example with its comments made into checks, and the faults of its form. */
export function runnable(example: string): { readonly code: string; readonly faults: readonly string[] } {
  const source = ts.createSourceFile('example.ts', example, ts.ScriptTarget.ESNext, true);
  const faults: string[] = [];
  let code = '';
  let isLastShown = false;
  for (const statement of source.statements) {
    const shown = shownAfter(statement, example);
    isLastShown = shown !== undefined;
    if (shown === undefined) code += `${statement.getText()}\n`;
    else if (ts.isExpressionStatement(statement)) code += `${checkOf(statement.expression.getText(), shown)}\n`;
    else faults.push(`only an expression can show a value: ${statement.getText()}`);
  }
  const lines = example.split('\n').length;
  if (lines < 2 || lines > 7) faults.push(`${lines} lines: an example has 2 to 7`);
  if (!isLastShown) faults.push('the last line shows no value: end it with `// → value` or `// throws code`');
  return { code, faults };
}

type Shown = { readonly value: string } | { readonly refusal: string };

function shownAfter(statement: ts.Statement, text: string): Shown | undefined {
  const [comment] = ts.getTrailingCommentRanges(text, statement.end) ?? [];
  const said = comment && /^\/\/ (→|throws) (.+)$/.exec(text.slice(comment.pos, comment.end));
  if (!said) return undefined;
  const [, kind, what = ''] = said;
  return kind === '→' ? { value: what } : { refusal: what };
}

function checkOf(expression: string, shown: Shown): string {
  if ('value' in shown) return `show(${expression}, ${shown.value});`;
  return `await refuse(async () => ${expression}, ${JSON.stringify(shown.refusal)});`;
}

/** A module whose exports an example may use. */
export interface Layer {
  readonly from: string;
  readonly names: readonly string[];
}

/** The names that an example of this entry may use: its own exports first, then those of the other layers. */
export function layersOf(entry: Entry, others: readonly Layer[]): readonly Layer[] {
  const own = { from: entry.file, names: entry.exports.filter(({ isValue }) => isValue).map(({ name }) => name) };
  const taken = new Set<string>();
  return [own, ...others].map(({ from, names }) => {
    const free = names.filter((name) => !taken.has(name));
    for (const name of free) taken.add(name);
    return { from, names: free };
  });
}

/** The errors of the compiler in these examples, each with the name of its export. */
export function typeErrors(
  entries: readonly Entry[],
  program: ts.Program,
  others: readonly Layer[],
): readonly string[] {
  const made = new Map(entries.map((entry) => [`${entry.file}.examples.ts`, moduleOf(entry, others)]));
  const files = entries.map(({ file }) => file);
  const whole = programOf(files, made, program);
  return [...made.keys()].flatMap((path) => {
    const file = whole.getSourceFile(path) as ts.SourceFile;
    return [...whole.getSyntacticDiagnostics(file), ...whole.getSemanticDiagnostics(file)].map((one) => {
      const before = file.text.slice(0, one.start).lastIndexOf('async function example_');
      const name = /^async function example_(\w+)/.exec(file.text.slice(before))?.[1] ?? file.fileName;
      return `${name}: ${ts.flattenDiagnosticMessageText(one.messageText, '\n')}`;
    });
  });
}

/** All examples of an entry, each as a function. */
function moduleOf(entry: Entry, others: readonly Layer[]): string {
  const imports = layersOf(entry, others).map(({ from, names }) => `import { ${names.join(', ')} } from '${from}';`);
  const types = entry.exports.filter(({ isValue }) => !isValue).map(({ name }) => name);
  const bodies = entry.exports.flatMap(({ name, example }) => {
    return example === undefined ? [] : [`async function example_${name}() {\n${runnable(example).code}}`];
  });
  return [
    ...imports,
    `import type { ${types.join(', ')} } from '${entry.file}';`,
    'declare function show(value: unknown, expected: unknown): void;',
    'declare function refuse(call: () => unknown, refusal: string): Promise<void>;',
    ...bodies,
  ].join('\n');
}

/** The body of a function, of the names that an example may use, that runs it. Types are removed. */
export function compiled(example: string): string {
  const { outputText } = ts.transpileModule(`const example = async () => {\n${runnable(example).code}};`, {
    compilerOptions: { target: ts.ScriptTarget.ESNext, module: ts.ModuleKind.ESNext },
  });
  return `${outputText}return example();`;
}
