/**
 * `npm run pack`: makes the tarballs that npm publishes, as ESM JavaScript with types and source maps, in `dist/`. In the clone the
 * packages are their sources; only the tarballs have JavaScript.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** Each needs only those before it. */
const packages = ['proof', 'client', 'server'] as const;
type Package = (typeof packages)[number];

interface Manifest {
  readonly name: string;
  readonly exports: Readonly<Record<string, string>>;
  readonly imports?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const out = join(root, 'dist');
/** Nearer to the copies than the workspace's own node_modules: so each is compiled against the JavaScript of those before it. */
const staging = join(out, 'staging');

const read = (path: string) => JSON.parse(readFileSync(join(root, path), 'utf8'));

/** The paths of the tarballs. */
export function pack(): readonly string[] {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(join(staging, 'node_modules', '@countersign'), { recursive: true });
  return packages.map((name) => {
    const folder = join(staging, name);
    cpSync(join(root, 'packages', name, 'src'), join(folder, 'src'), { recursive: true });
    cpSync(join(root, 'packages', name, 'package.json'), join(folder, 'package.json'));
    symlinkSync(folder, join(staging, 'node_modules', '@countersign', name));
    compile(folder);
    rmSync(join(folder, 'src'), { recursive: true });
    if (name === 'server') {
      copyPrograms(join(root, 'packages', name, 'bin'), join(folder, 'bin'));
      // Who installs the package has no clone to take these files from.
      cpSync(join(root, 'deploy'), join(folder, 'deploy'), { recursive: true });
    }
    cpSync(join(root, 'packages', name, 'README.md'), join(folder, 'README.md'));
    cpSync(join(root, 'LICENSE'), join(folder, 'LICENSE'));
    const manifest = published(read(`packages/${name}/package.json`), name);
    writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, undefined, 2)}\n`);
    const made = execFileSync('npm', ['pack', '--silent', '--pack-destination', out], {
      cwd: folder,
      encoding: 'utf8',
    });
    return join(out, made.trim());
  });
}

function compile(folder: string): void {
  const config = {
    extends: join(root, 'tsconfig.base.json'),
    compilerOptions: {
      ...{ noEmit: false, rewriteRelativeImportExtensions: true, rootDir: 'src', outDir: 'dist' },
      ...{ declaration: true, sourceMap: true, inlineSources: true, allowJs: false, checkJs: false },
      // The workspace is checked as a whole, with the programs that stay JavaScript.
      noCheck: true,
    },
    include: ['src'],
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  execFileSync(process.execPath, [compiler, '-p', folder], { stdio: ['ignore', 'inherit', 'inherit'] });
  rmSync(join(folder, 'tsconfig.json'));
}

/** They are JavaScript already, and import the command line. */
function copyPrograms(from: string, to: string): void {
  mkdirSync(to);
  for (const file of readdirSync(from)) {
    const text = readFileSync(join(from, file), 'utf8');
    writeFileSync(join(to, file), text.replace(/'\.\.\/src\/(.*)\.ts'/g, "'../dist/$1.js'"), { mode: 0o755 });
  }
}

/** The manifest with JavaScript and types in place of sources. */
function published(manifest: Manifest, name: Package): object {
  const compiled = (source: string) => source.replace(/^\.\/src\/(.*)\.ts$/, './dist/$1.js');
  const both = (source: string) =>
    source.endsWith('.ts') ? { types: compiled(source).replace(/\.js$/, '.d.ts'), default: compiled(source) } : source;
  const mapped = <T>(entries: Readonly<Record<string, string>>, to: (source: string) => T) =>
    Object.fromEntries(Object.entries(entries).map(([key, source]) => [key, to(source)]));
  const { imports, ...rest } = manifest;
  return {
    ...rest,
    ...(name === 'server' && { optionalDependencies: nodes() }),
    exports: mapped(manifest.exports, both),
    ...(imports && {
      imports: Object.fromEntries(Object.entries(imports).map(([key, one]) => [key, mapped(one, compiled)])),
    }),
    files: ['dist', ...(name === 'server' ? ['bin', 'deploy'] : [])],
    publishConfig: { access: 'public', provenance: true },
  };
}

/** The Node that runs the server where the machine's own is older. */
function nodes(): Readonly<Record<string, string>> {
  const { optionalDependencies = {} } = read('package.json') as Manifest;
  return Object.fromEntries(Object.entries(optionalDependencies).filter(([name]) => name.startsWith('node-')));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) for (const tarball of pack()) console.log(tarball);
