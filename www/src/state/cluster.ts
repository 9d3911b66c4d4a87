// What is known of a cluster. `cluster/live.ts`, which connects to one, is loaded once the page is of use.
import { computed, signal } from '@preact/signals';
import type { ImageCache } from '../cluster/api';

export type State =
  | { is: 'off' }
  | { is: 'connecting'; address: string }
  | { is: 'live'; address: string }
  /** `answered`: somebody is there, and refused in the words of `why`, or speaks no Kubernetes at all. */
  | { is: 'lost'; address: string; answered: boolean; why: string; known: boolean };

export const state = signal<State>({ is: 'off' });
export const clusterCaches = signal<ReadonlyMap<string, ImageCache>>(new Map());
/** The caches of the cluster count among those that pods are matched against. */
export const withCluster = signal(true);
export const isConnected = computed(() => state.value.is === 'live' || (state.value.is === 'lost' && state.value.known));
