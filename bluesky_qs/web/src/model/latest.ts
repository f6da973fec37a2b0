/** Does one job at a time. If several jobs are waiting, only the newest is done. */

export class Latest<Job> {
  private isBusy = false;
  private waiting: { job: Job } | null = null;
  private generation = 0;

  /** `work` gets a job, and a function `isLatest` that returns whether no newer job has been submitted. */
  constructor(private readonly work: (job: Job, isLatest: () => boolean) => Promise<void>) {}

  submit(job: Job): void {
    this.generation += 1;
    this.waiting = { job };
    if (!this.isBusy) void this.run();
  }

  /** Drop the waiting job. The current one no longer counts as the latest. */
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
