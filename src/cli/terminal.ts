/**
 * How Keywright speaks. Results go to standard output, all the rest to standard error. States are told by words; colour
 * only underlines them, and NO_COLOR or a pipe turns it off. No line is wider than 80 columns unless a name in it is.
 * An error is one line that begins with `error:`, followed by indented lines that say why and what to do. No emoji, no
 * exclamation marks, no "unexpected error", and no stack trace without --debug.
 */

const { styleText } = process.getBuiltinModule('node:util');

export type Style = Parameters<typeof styleText>[0];

/** The streams of a process, handed in so that nothing here touches globals. */
export interface Streams {
  /** To standard output, in the order of all that is written there. */
  readonly write: (text: string) => void;
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
}

export class Terminal {
  readonly #streams: Streams;
  /** `--output json`. */
  readonly json: boolean;
  /** `--debug`. */
  readonly debug: boolean;
  #progress: { readonly since: number; text: string; shown: boolean; readonly timer: NodeJS.Timeout } | undefined;

  constructor(streams: Streams, options: { readonly json: boolean; readonly debug: boolean }) {
    this.#streams = streams;
    this.json = options.json;
    this.debug = options.debug;
  }

  /** Whether a person sits before it and can be asked. */
  get canAsk(): boolean {
    return this.#streams.stdin.isTTY === true && this.#streams.stderr.isTTY === true && !this.json;
  }

  /** Whether standard output is a terminal. */
  get outputIsTerminal(): boolean {
    return this.#streams.stdout.isTTY === true;
  }

  /** Whether colour would show, on standard output for results. */
  get hasColour(): boolean {
    return this.style('red', 'x') !== 'x';
  }

  /** A result: text with its newline. */
  out(text: string): void {
    this.#hideProgress();
    this.#streams.write(text);
  }

  /** One line of JSON, or a document of it when it is the only result. */
  outJson(value: unknown): void {
    this.out(`${JSON.stringify(value)}\n`);
  }

  /** The result in the form that was asked for. */
  result(json: unknown, text: string): void {
    if (this.json) {
      this.outJson(json);
    } else {
      this.out(text);
    }
  }

  /** Anything that is no result. */
  err(text: string): void {
    this.#hideProgress();
    this.#streams.stderr.write(text);
  }

  /** Underlines a word on standard output. */
  style(style: Style, text: string): string {
    return styleText(style, text, { stream: this.#streams.stdout });
  }

  /** Underlines a word on standard error. */
  styleErr(style: Style, text: string): string {
    return styleText(style, text, { stream: this.#streams.stderr });
  }

  /**
   * Says what is being waited for, on one line that is taken away again. It is shown only on a terminal and only when
   * the wait lasts a second. Undefined: nothing any more.
   */
  progress(text: string | undefined): void {
    if (this.#streams.stderr.isTTY !== true || this.json || process.env['TERM'] === 'dumb') {
      return;
    }
    if (text === undefined) {
      this.#hideProgress();
      clearInterval(this.#progress?.timer);
      this.#progress = undefined;
      return;
    }
    if (this.#progress === undefined) {
      const timer = setInterval(() => this.#showProgress(), 200);
      timer.unref();
      this.#progress = { since: performance.now(), text, shown: false, timer };
    } else {
      this.#progress.text = text;
    }
  }

  /** Asks for yes or no; anything but `y` or `yes` is no. */
  async ask(question: string): Promise<boolean> {
    this.#hideProgress();
    const lines = process
      .getBuiltinModule('node:readline/promises')
      .createInterface({ input: this.#streams.stdin, output: this.#streams.stderr });
    const gone = new AbortController();
    // Ctrl+C and the end of the input are a no.
    lines.once('SIGINT', () => gone.abort());
    lines.once('close', () => gone.abort());
    try {
      const answer = await lines.question(`${question} [y/N] `, { signal: gone.signal });
      return /^y(es)?$/i.test(answer.trim());
    } catch (error) {
      if (gone.signal.aborted) {
        this.#streams.stderr.write('\n');
        return false;
      }
      throw error;
    } finally {
      lines.close();
    }
  }

  /** Reads a line from the terminal without showing it. */
  async askHidden(prompt: string): Promise<string> {
    this.#hideProgress();
    const { stdin, stderr } = this.#streams;
    stderr.write(prompt);
    stdin.setRawMode(true);
    stdin.resume();
    let line = '';
    try {
      for await (const chunk of stdin) {
        for (const character of String(chunk)) {
          if (character === '\r' || character === '\n' || character === '\u0004') {
            return line;
          }
          if (character === '\u0003') {
            process.kill(process.pid, 'SIGINT');
            return '';
          }
          line = character === '\u007f' || character === '\b' ? line.slice(0, -1) : line + character;
        }
      }
      return line;
    } finally {
      stdin.setRawMode(false);
      stdin.pause();
      stderr.write('\n');
    }
  }

  /** Everything that comes in on standard input. */
  async readInput(): Promise<string> {
    const chunks: Buffer[] = [];
    for await (const chunk of this.#streams.stdin) {
      chunks.push(Buffer.from(chunk as Uint8Array));
    }
    return Buffer.concat(chunks).toString('utf8');
  }

  get inputIsTerminal(): boolean {
    return this.#streams.stdin.isTTY === true;
  }

  #showProgress(): void {
    const progress = this.#progress;
    if (progress === undefined || performance.now() - progress.since < 1000) {
      return;
    }
    const seconds = Math.floor((performance.now() - progress.since) / 1000);
    // Some terminals say that they have no columns.
    const width = Math.max(20, (this.#streams.stderr.columns || 80) - 1);
    this.#streams.stderr.write(`\r\u001b[K${`${progress.text} … ${seconds} s`.slice(0, width)}`);
    progress.shown = true;
  }

  #hideProgress(): void {
    if (this.#progress?.shown === true) {
      this.#streams.stderr.write('\r\u001b[K');
      this.#progress.shown = false;
    }
  }
}
