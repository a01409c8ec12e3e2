import { reactive, ref, shallowRef } from 'vue'
import type { Field, Values } from './parts/FormDialog.vue'

export interface Confirm { title: string; text?: string; verb: string; code?: string; consequences?: string[]; danger?: boolean; action: () => Promise<unknown> }
export interface Form { title: string; text?: string; verb: string; fields: Field[]; action: (values: Values) => Promise<unknown> }

/** One dialog of a page that is shown with what is asked this time. */
export function useDialog<P extends Confirm | Form>() {
  const open = ref(false)
  const props = shallowRef<P>()
  const show = (p: P) => {
    props.value = p
    open.value = true
  }
  return reactive({ open, props, show })
}
