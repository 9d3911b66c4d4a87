/**
 * Plans which caches to have for workloads, what they cost in a month, and what they save.
 *
 * @param objects workloads, caches, autoscalers and nodes: YAML or JSON text with any number of documents, an object, a
 *   list, a reply of the ECI API, or an array of all but text.
 * @param facts sizes of images and prices. Without prices, costs are unknown; {@link samplePrices} has an example.
 * @returns the plan. Sizes and prices that cannot be used are its findings, and the rest is planned.
 * @throws {TypeError} if an argument is invalid; never for errors in the objects.
 */
export function plan(objects: string | Json | readonly Json[], facts?: PlanFacts, options?: PlanOptions): PlanAnswer;

/** Returns the worked example of the vendor's billing page, with its source and date. It is not a price list. */
export function samplePrices(): PriceFile;

/** What the objects of a plan do not say. */
export interface PlanFacts {
  /** Compressed sizes of images, by reference: bytes, or a quantity such as `1.5Gi`. */
  sizes?: Readonly<Record<string, number | string>> | null;
  /** A price file, or several. */
  prices?: PriceFile | readonly PriceFile[] | null;
}

/** Prices by region, with source and date. */
export interface PriceFile {
  /** The currency, such as `USD`; all files have the same. */
  currency: string;
  /** The rows: one for each region. */
  prices: PriceRow[];
}

/** The prices of a region: numbers, or decimal numbers as text. A price that is not set is unknown. */
export interface PriceRow {
  /** The region. Default: every region without a row of its own. */
  region?: string | null;
  /** The currency of this row. Default: that of the file. */
  currency?: string;
  /** Where the prices are from. */
  source: string;
  /** The day on which the source was read: `2026-11-30`. */
  date: string;
  /** A GiB of disk for an hour. */
  useGibHour?: number | string | null;
  /** A GiB of snapshot for a month. */
  storeGibMonth?: number | string | null;
  /** A vCPU of the instance that makes a cache, for a second. */
  builderVcpuSecond?: number | string | null;
  /** A GiB of memory of that instance, for a second. */
  builderGibSecond?: number | string | null;
  /** The vCPUs of that instance. Default: 2. */
  builderVcpus?: number | string | null;
  /** The memory of that instance in GiB. Default: 4. */
  builderGib?: number | string | null;
}

