<?php
// MediaWiki's settings for the state in $SITE_STATE. Nothing is kept in memory that the state says, so that the state may
// be exchanged beneath it; what has to be kept between requests (sessions) is kept in its database. Nothing reaches out:
// no mail, no uploads, no pictures of others.
$state = getenv( 'SITE_STATE' );
// Everything that a request does happens at the time that the request names.
Wikimedia\Timestamp\ConvertibleTimestamp::setFakeTime( (int)( $_SERVER['HTTP_SITE_CLOCK'] ?? getenv( 'SITE_CLOCK' ) ) );
$wgDBname = 'wiki';
$wgDBservers = [ [
	'type' => 'sqlite',
	'dbname' => 'wiki',
	'dbFilePath' => "$state/wiki.sqlite3",
	'load' => 1,
	// A copy's state is thrown away: it need not outlive a power failure.
	'variables' => [ 'synchronous' => 'OFF' ],
	'flags' => DBO_DEFAULT,
] ];
$wgMainCacheType = $wgMessageCacheType = $wgParserCacheType = CACHE_NONE;
$wgSessionCacheType = CACHE_DB;
// Made when the wiki is built.
$wgLocalisationCacheConf = [
	'class' => LocalisationCache::class,
	'store' => 'array',
	'storeDirectory' => getenv( 'SITE_FOLDER' ) . '/messages',
	'storeClass' => false,
	'storeServer' => [],
	'forceRecache' => false,
	'manualRecache' => true,
];
$wgTmpDirectory = $wgCacheDirectory = getenv( 'SITE_RUN' );
// What an edit entails is done before it is answered.
$wgJobRunRate = 20;
$wgRunJobsAsync = false;

$wgSitename = 'Merrow Isles Encyclopaedia';
$wgMetaNamespace = 'Project';
$wgServer = getenv( 'SITE_ORIGIN' ) ?: 'http://127.0.0.1';
$wgScriptPath = '';
$wgArticlePath = '/wiki/$1';
$wgLanguageCode = 'en';
$wgLocaltimezone = 'UTC';
$wgDefaultUserOptions['date'] = 'dmy';
wfLoadSkin( 'Vector' );
$wgDefaultSkin = 'vector';
$wgFooterIcons = [];
$wgLogos = [ '1x' => '/resources/wiki_logo.svg' ];
$wgEnableParserLimitReporting = false;

$wgSecretKey = 'of a throwaway wiki with made-up people';
$wgCookiePrefix = 'wiki';
$wgGroupPermissions['*']['createaccount'] = false;
$wgGroupPermissions['*']['edit'] = false;
// Scripts of its pages change nothing by themselves: what is changed is sent by a form, and so can be judged.
foreach ( [ '*', 'user', 'bot' ] as $group ) {
	$wgGroupPermissions[$group]['writeapi'] = false;
}
$wgPasswordPolicy['policies']['default'] = [ 'MinimalPasswordLength' => 1 ];
$wgRateLimits = [];
$wgEnableEmail = false;
$wgEnableUploads = false;
$wgUseInstantCommons = false;
$wgPingback = false;
$wgDisableOutputCompression = true;
// What was changed long ago stays in the lists.
$wgRCMaxAge = 3650 * 86400;
$wgDefaultUserOptions['rcdays'] = $wgDefaultUserOptions['watchlistdays'] = 3650;
// Scripts would be kept in the browser's storage two seconds after a page: whoever is quicker would be in another state.
$wgResourceLoaderStorageEnabled = false;
// These lists without scripts, which would write down what they were set to.
$wgDefaultUserOptions['rcenhancedfilters-disable'] = $wgDefaultUserOptions['wlenhancedfilters-disable'] = 1;
