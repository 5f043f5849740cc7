<?php
// Visits a copy of the seed, so that what MediaWiki and PHP work out of their own files (styles, scripts, templates, compiled
// programs) is worked out once and not by every copy. Of what the visit left, the seed takes these and nothing else.
require __DIR__ . '/wiki_people.php';

const PAGES = [
	'/wiki/Main_Page', '/wiki/Skerra', '/wiki/Talk:Skerra', '/wiki/Category:Islands', '/wiki/Special:AllPages',
	'/index.php?title=Skerra&action=edit', '/index.php?title=Skerra&action=history', '/index.php?title=Skerra&action=info',
	'/index.php?title=Skerra&action=watch', '/index.php?title=Skerra&diff=next&oldid=prev',
	'/index.php?title=Special:Search&search=light&fulltext=1', '/wiki/Special:Contributions/Maren', '/wiki/Special:MovePage/Skerra',
	'/wiki/Special:Preferences', '/wiki/Special:RecentChanges', '/wiki/Special:Watchlist', '/wiki/Special:WhatLinksHere/Skerra',
];
// What the scripts of those pages need besides.
const MODULES = 'jquery|jquery.client|jquery.lengthLimit|jquery.makeCollapsible|jquery.suggestions|mediawiki.String|mediawiki.Title' .
	'|mediawiki.api|mediawiki.base|mediawiki.cldr|mediawiki.jqueryMsg|mediawiki.language|mediawiki.searchSuggest|mediawiki.util' .
	'|mediawiki.libs.pluralruleparser|mediawiki.widgets|moment|oojs|oojs-ui-core|oojs-ui-widgets|oojs-ui-windows';

$seed = getenv( 'SITE_STATE' ) . '/wiki.sqlite3';
$state = getenv( 'SITE_RUN' ) . '/visited';
mkdir( $state );
copy( $seed, "$state/wiki.sqlite3" );
$free = stream_socket_server( 'tcp://127.0.0.1:0' );
$address = stream_socket_get_name( $free, false );
fclose( $free );
$environment = [ 'SITE_STATE' => $state, 'SITE_PORT' => explode( ':', $address )[1], 'SITE_ORIGIN' => "http://$address" ] + getenv();
$log = getenv( 'SITE_RUN' ) . '/visited.log';
$server = proc_open( [ 'sh', $argv[1] ], [ [ 'file', '/dev/null', 'r' ], [ 'file', $log, 'w' ], [ 'file', $log, 'a' ] ],
	$pipes, null, $environment );
try {
	visit( $address );
} finally {
	proc_terminate( $server );
	proc_close( $server );
}

$database = new SQLite3( $seed );
$database->enableExceptions( true );
$database->exec( "ATTACH '$state/wiki.sqlite3' AS visited" );
$database->exec( "INSERT INTO objectcache SELECT * FROM visited.objectcache
	WHERE keyname LIKE '%:resourceloader-%' OR keyname LIKE '%:lightncandy-%'" );
$database->exec( "UPDATE objectcache SET exptime = '99991231235959'" );
$database->exec( 'INSERT INTO module_deps SELECT * FROM visited.module_deps' );
$database->exec( 'DETACH visited' );
$database->exec( 'VACUUM' );

function visit( string $address ) {
	$end = microtime( true ) + 60;
	while ( !@fsockopen( ...explode( ':', $address ) ) ) {
		if ( microtime( true ) > $end ) {
			throw new Exception( 'MediaWiki did not start: ' . file_get_contents( $GLOBALS['log'] ) );
		}
		usleep( 50000 );
	}
	get( $address, "/load.php?lang=en&skin=vector&modules=" . urlencode( MODULES ) );
	get( $address, '/load.php?lang=en&skin=vector&modules=startup&only=scripts&raw=1' );
	foreach ( PAGES as $page ) {
		$html = get( $address, $page );
		preg_match_all( '/<link rel="stylesheet" href="([^"]+)"/', $html, $styles );
		preg_match( '/RLPAGEMODULES=(\[.*?\]);/', $html, $modules );
		foreach ( $styles[1] as $style ) {
			get( $address, html_entity_decode( $style ) );
		}
		get( $address, '/load.php?lang=en&skin=vector&modules=' . urlencode( implode( '|', json_decode( $modules[1] ?? '[]' ) ) ) );
	}
}

function get( string $address, string $path ): string {
	$context = stream_context_create( [ 'http' => [
		'header' => 'Cookie: wikiUserName=Oluchi; wikiUserID=3; wikiToken=' . tokenOf( 'Oluchi' ),
		'ignore_errors' => true, 'timeout' => 120,
	] ] );
	$answer = file_get_contents( "http://$address$path", false, $context );
	if ( $answer === false || !str_contains( $http_response_header[0], ' 200 ' ) ) {
		throw new Exception( "$path answers " . ( $http_response_header[0] ?? 'nothing' ) . ': ' . substr( (string)$answer, 0, 500 ) );
	}
	return $answer;
}
