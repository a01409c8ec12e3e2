import type { Meaning } from '../shared/parts/StatusChip.vue'
import type { Schemas } from './api'

type Status = NonNullable<Schemas['ManagementRequestStatus']>

/** What each state of a request means to whoever looks at it. */
export const meaning: Record<Status, Meaning> = {
  WAITING: 'waiting', 'SUBMITTED FOR APPROVAL': 'attention', APPROVED: 'good', DECLINED: 'bad', REVOKED: 'undone',
}
export const statusKey = (s?: string) => `request.status.${(s ?? '').replaceAll(' ', '_')}`
export const isOpen = (s?: string) => s === 'WAITING' || s === 'SUBMITTED FOR APPROVAL'
