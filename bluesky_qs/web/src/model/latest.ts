/** Does only the latest of several jobs: one at a time, and of those that wait only the newest. */

export class Latest<Job> {
  private isBusy = false;
  private waiting: { job: Job } | null = null;
  private generation = 0;

  /** `work` gets a job, and `isLatest`, which says whether nothing newer has come. */
  constructor(private readonly work: (job: Job, isLatest: () => boolean) => Promise<void>) {}

  submit(job: Job): void {
    this.generation += 1;
    this.waiting = { job };
    if (!this.isBusy) void this.run();
  }

  /** Forget what waits; what is being done is no longer the latest. */
  drop(): void {
    this.generation += 1;
    this.waiting = null;
  }

  private async run(): Promise<void> {
    this.isBusy = true;
    try {
      while (this.waiting) {
        const { job } = this.waiting;
        const { generation } = this;
        this.waiting = null;
        await this.work(job, () => this.generation === generation);
      }
    } finally {
      this.isBusy = false;
    }
  }
}
