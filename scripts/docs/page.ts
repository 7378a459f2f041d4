import { posix } from 'node:path';

/**
 * A page of documentation as the tests read it. The purpose of a fenced block stands after its language, where GitHub does not
 * show it:
 *
 * - `sh run`: a shell runs it, in the order of the page, in one shell session.
 * - `json file=network.json`: the reader saves the block under that name, at this place of the page.
 * - `text output`, `json output`: the output of the previous block; `…` stands for anything.
 *
 * `<!-- stop the server -->` and `<!-- start the server -->` stand where the reader stops or starts the server in another
 * terminal. Any other block that is not `text` needs `<!-- not run: why -->` before it.
 */
export interface Block {
  /** The line of its first fence, counted from 1. */
  readonly line: number;
  readonly language: string;
  readonly purpose: 'run' | 'output' | 'shown' | 'stop' | 'start' | { readonly file: string };
  readonly text: string;
  /** The reason why it is not run, if the page gives one. */
  readonly excuse: string | undefined;
}

const fence = /^```(.*)$/;
const control = /^<!-- (stop|start) the server -->$/;
const excuse = /^<!-- not run: (.+) -->$/;

/** Throws if a fence is left open or has an unknown purpose. */
export function blocksOf(markdown: string): readonly Block[] {
  const lines = markdown.split('\n');
  const blocks: Block[] = [];
  for (let at = 0; at < lines.length; at++) {
    const step = control.exec(lines[at] as string)?.[1] as 'stop' | 'start' | undefined;
    if (step !== undefined) blocks.push({ line: at + 1, language: '', purpose: step, text: '', excuse: undefined });
    const open = fence.exec(lines[at] as string);
    if (open === null) continue;
    const close = lines.indexOf('```', at + 1);
    if (close < 0) throw new Error(`line ${at + 1}: this block does not end`);
    const before = lines.slice(0, at).findLast((line) => line.trim() !== '') ?? '';
    const text = `${lines.slice(at + 1, close).join('\n')}\n`;
    blocks.push({ line: at + 1, ...purposeOf(open[1] as string, at + 1), text, excuse: excuse.exec(before)?.[1] });
    at = close;
  }
  return blocks;
}

function purposeOf(written: string, line: number): Pick<Block, 'language' | 'purpose'> {
  const [language = '', purpose, ...more] = written.split(' ');
  const file = /^file=([A-Za-z0-9][A-Za-z0-9._-]*)$/.exec(purpose ?? '')?.[1];
  if (more.length === 0 && file !== undefined) return { language, purpose: { file } };
  if (more.length === 0 && purpose === undefined) return { language, purpose: 'shown' };
  if (more.length === 0 && ((purpose === 'run' && language === 'sh') || purpose === 'output')) {
    return { language, purpose };
  }
  throw new Error(`line ${line}: \`${written}\` is no known purpose`);
}

/** One line for each block, link or line of code that no test could check. */
export function faultsOf(markdown: string, path: string, files: ReadonlySet<string>): readonly string[] {
  const blocks = blocksOf(markdown);
  const faults = blocks.flatMap((block, index) => blockFaults(block, blocks, index));
  const prose = withoutBlocks(markdown);
  for (const [, indented] of prose.matchAll(/^ {4,}((?:countersign|npx|npm|node|curl|git|export) .*)$/gm)) {
    faults.push(`put this into a fenced block: ${indented}`);
  }
  for (const [, target = ''] of prose.matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^(https?:|#|mailto:)/.test(target)) continue;
    const file = posix.join(posix.dirname(path), target.replace(/#.*$/, ''));
    if (!files.has(file.replace(/\/$/, ''))) faults.push(`a link leads nowhere: ${target}`);
  }
  return faults.map((fault) => `${path}: ${fault}`);
}

function blockFaults({ line, language, purpose, text, excuse: said }: Block, blocks: readonly Block[], index: number) {
  const fault = (what: string) => [`line ${line}: ${what}`];
  if (purpose === 'stop' || purpose === 'start') return [];
  if (purpose === 'shown' && language !== 'text' && said === undefined) {
    return fault(`nothing runs this ${language || 'nameless'} block: tag it, or say why before it`);
  }
  if (purpose !== 'shown' && said !== undefined) return fault('this block is run and says that it is not');
  if (purpose === 'output' && blocks[index - 1]?.purpose !== 'run') return fault('this output belongs to no command');
  if (typeof purpose === 'object') {
    const isUsed = blocks
      .slice(index + 1)
      .some(
        (later) => (later.purpose === 'run' || typeof later.purpose === 'object') && later.text.includes(purpose.file),
      );
    if (!isUsed) return fault(`nothing uses ${purpose.file} afterwards`);
    if (language === 'json') JSON.parse(text);
  }
  return [];
}

/** The page with the same number of lines, in which the lines of blocks are empty. */
function withoutBlocks(markdown: string): string {
  let inside = false;
  const kept = markdown.split('\n').map((line) => {
    const isFence = line.startsWith('```');
    if (isFence) inside = !inside;
    return isFence || inside ? '' : line;
  });
  return kept.join('\n');
}

/** Whether a program's output is the one that the page shows; `…` stands for anything. */
export function fits(shown: string, printed: string): boolean {
  const pattern = shown
    .trim()
    .split('…')
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${pattern.join('[\\s\\S]*?')}$`).test(printed.trim());
}
