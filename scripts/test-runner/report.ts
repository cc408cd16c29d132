import { relative } from 'node:path';
import type { Outcome } from './outcome.ts';

/** Counts outcomes and tells the failures as they come. */
export class Report {
  #passed = 0;
  #failed = 0;
  readonly #skipped: Extract<Outcome, { verdict: 'skipped' }>[] = [];
  readonly #root: string;
  readonly #write: (text: string) => void;

  constructor(root: string, write: (text: string) => void) {
    this.#root = root;
    this.#write = write;
  }

  get failed(): number {
    return this.#failed;
  }

  add(outcome: Outcome): void {
    if (outcome.verdict === 'passed') {
      this.#passed++;
    } else if (outcome.verdict === 'skipped') {
      this.#skipped.push(outcome);
    } else {
      this.#failed++;
      this.#write(`FAILED  ${this.#title(outcome)}\n${indent(outcome.error)}\n\n`);
    }
  }

  /** What a failing group printed. */
  output(text: string): void {
    if (text !== '') this.#write(`        it printed:\n${indent(text)}\n\n`);
  }

  /** The skipped tests with their reasons, then the line that scripts read. */
  finish(): void {
    for (const outcome of this.#skipped) {
      this.#write(`skipped ${this.#title(outcome)}\n${indent(outcome.reason)}\n`);
    }
    this.#write(`${this.#passed} passed, ${this.#failed} failed, ${this.#skipped.length} skipped\n`);
  }

  #title({ name, place }: { readonly name: string; readonly place: string }): string {
    if (place === '') return name;
    // A file that cannot be imported is reported as a test with the file's path for its name.
    return `${relative(this.#root, place)}  ${place.startsWith(`${name}:`) ? 'cannot be loaded' : name}`;
  }
}

function indent(text: string): string {
  return text.replaceAll(/^(?=.)/gm, '        ');
}
