/** Shows the progress of a long command on standard error. */
export interface Progress {
  /** `share`, from 0 to 1, draws a bar on a terminal. */
  tell(text: string, share?: number): void;
  /** Ends the line on a terminal. */
  end(): void;
}

interface Screen {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** Milliseconds between two updates: a terminal rewrites one line, a log gets a line every few seconds. */
const everyOnTerminal = 100;
const everyInLog = 3_000;

export function createProgress(
  screen: Screen = process.stderr,
  elapsed: () => number = () => performance.now(),
): Progress {
  const terminal = screen.isTTY === true;
  let last = elapsed();
  let open = false;
  return {
    tell(text, share) {
      if (elapsed() - last < (terminal ? everyOnTerminal : everyInLog)) return;
      last = elapsed();
      open = terminal;
      screen.write(terminal ? `\r${bar(share)}${text}\u001b[K` : `${text}\n`);
    },
    end() {
      if (open) screen.write('\n');
      open = false;
    },
  };
}

const width = 24;

/** An estimate may be too small. */
function bar(share: number | undefined): string {
  if (share === undefined || !Number.isFinite(share)) return '';
  const full = Math.max(0, Math.min(width, Math.floor(share * width)));
  return `[${'#'.repeat(full)}${'.'.repeat(width - full)}] `;
}
