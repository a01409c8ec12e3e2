import type { RouteRecordRaw } from 'vue-router'
import Configuration from './views/Configuration.vue'
import Group from './views/Group.vue'
import Guide from './views/Guide.vue'
import Home from './views/Home.vue'
import Initialization from './views/Initialization.vue'
import LogInPage from './views/LogInPage.vue'
import Member from './views/Member.vue'
import Members from './views/Members.vue'
import NotFound from './views/NotFound.vue'
import Request from './views/Request.vue'
import Requests from './views/Requests.vue'
import Server from './views/Server.vue'
import Servers from './views/Servers.vue'
import Settings from './views/Settings.vue'
import Trust from './views/Trust.vue'
import TrustService from './views/TrustService.vue'

export const routes: RouteRecordRaw[] = [
  { path: '/', component: Home },
  { path: '/login', name: 'login', component: LogInPage },
  { path: '/initialization', component: Initialization },
  { path: '/guide', component: Guide },
  { path: '/members', component: Members },
  { path: '/members/:id/:tab?', component: Member, props: true },
  { path: '/servers', component: Servers },
  { path: '/servers/:id/:tab?', component: Server, props: true },
  { path: '/requests', component: Requests },
  { path: '/requests/:id', component: Request, props: true },
  { path: '/trust', component: Trust },
  { path: '/trust/:id', component: TrustService, props: true },
  { path: '/configuration', component: Configuration },
  { path: '/settings/groups/:code', component: Group, props: true },
  { path: '/settings/:tab?', component: Settings, props: true },
  { path: '/:rest(.*)*', component: NotFound },
]
