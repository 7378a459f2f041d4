/** Shows the progress of a long command on standard error. */
export interface Progress {
  tell(text: string): void;
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
    tell(text) {
      if (elapsed() - last < (terminal ? everyOnTerminal : everyInLog)) return;
      last = elapsed();
      open = terminal;
      screen.write(terminal ? `\r${text}\u001b[K` : `${text}\n`);
    },
    end() {
      if (open) screen.write('\n');
      open = false;
    },
  };
}
