/** Works on all items, at most `limit` at a time, and yields each result as soon as it is there. `work` must not throw. */
export async function* inParallel<Item, Result>(
  items: Iterable<Item>,
  limit: number,
  work: (item: Item) => Promise<Result>,
): AsyncGenerator<Result> {
  const running = new Map<number, Promise<{ readonly index: number; readonly result: Result }>>();
  const takeOne = async (): Promise<Result> => {
    const { index, result } = await Promise.race(running.values());
    running.delete(index);
    return result;
  };
  let next = 0;
  for (const item of items) {
    if (running.size >= limit) {
      yield await takeOne();
    }
    const index = next++;
    running.set(
      index,
      work(item).then((result) => ({ index, result })),
    );
  }
  while (running.size > 0) {
    yield await takeOne();
  }
}
