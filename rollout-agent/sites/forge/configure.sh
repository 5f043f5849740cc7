#!/bin/sh
# Writes Gitea's configuration for the state in $SITE_STATE. Nothing is kept in memory that the state says, so that the
# state may be exchanged beneath it: no caches, no queues that outlive a request, no jobs. Nothing of it reaches out:
# no mail, no webhooks, no mirrors, no migrations.
cat << INI
APP_NAME = Lanternworks Forge
RUN_USER = $(id -un)
RUN_MODE = prod
I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true
WORK_PATH = $SITE_STATE

[server]
HTTP_ADDR = 127.0.0.1
HTTP_PORT = $SITE_PORT
ROOT_URL = $SITE_ORIGIN/
LOCAL_ROOT_URL = http://127.0.0.1:$SITE_PORT/
STATIC_ROOT_PATH = $SITE_FOLDER/program
APP_DATA_PATH = $SITE_STATE/data
DISABLE_SSH = true
OFFLINE_MODE = true
LFS_START_SERVER = false

[database]
DB_TYPE = sqlite3
PATH = $SITE_STATE/forge.sqlite3
SQLITE_TIMEOUT = 20000

[repository]
ROOT = $SITE_STATE/repositories
DEFAULT_BRANCH = main
DISABLE_MIGRATIONS = true
DEFAULT_REPO_UNITS = repo.code,repo.issues,repo.pulls,repo.releases,repo.wiki
[repository.local]
LOCAL_COPY_PATH = $SITE_RUN/local-repo
[repository.upload]
TEMP_PATH = $SITE_RUN/uploads
[repository.signing]
SIGNING_KEY = none

[security]
INSTALL_LOCK = true
SECRET_KEY = of a throwaway site with made-up people
INTERNAL_TOKEN = of-a-throwaway-site-with-made-up-people
PASSWORD_HASH_ALGO = pbkdf2\$1000\$50
PASSWORD_COMPLEXITY = off
DISABLE_WEBHOOKS = true
[oauth2]
ENABLED = false
JWT_SECRET = AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
[openid]
ENABLE_OPENID_SIGNIN = false
ENABLE_OPENID_SIGNUP = false
[session]
PROVIDER = db
COOKIE_NAME = forge_session
SESSION_LIFE_TIME = 2000000000

[service]
DISABLE_REGISTRATION = true
ENABLE_NOTIFY_MAIL = false
DEFAULT_ENABLE_TIMETRACKING = false
ENABLE_USER_HEATMAP = false
[mailer]
ENABLED = false
[admin]
DEFAULT_EMAIL_NOTIFICATIONS = disabled
[picture]
DISABLE_GRAVATAR = true
ENABLE_FEDERATED_AVATAR = false

[queue]
TYPE = immediate
[cache]
ADAPTER = memory
ITEM_TTL = 0
[indexer]
ISSUE_INDEXER_TYPE = db
REPO_INDEXER_ENABLED = false
[mirror]
ENABLED = false
[packages]
ENABLED = false
[actions]
ENABLED = false
[federation]
ENABLED = false

[i18n]
LANGS = en-US
NAMES = English
[time]
DEFAULT_UI_LOCATION = UTC
[ui]
DEFAULT_THEME = gitea-light
[ui.notification]
MIN_TIMEOUT = -1
EVENT_SOURCE_UPDATE_TIME = -1
[other]
SHOW_FOOTER_VERSION = false
SHOW_FOOTER_TEMPLATE_LOAD_TIME = false

[log]
MODE = console
LEVEL = Warn
ROOT_PATH = $SITE_RUN/log
INI
for job in update_mirrors repo_health_check check_repo_stats archive_cleanup sync_external_users deleted_branches_cleanup \
  update_migration_poster_id cleanup_hook_task_table cleanup_packages cleanup_actions; do
  printf '[cron.%s]\nENABLED = false\n' "$job"
done
