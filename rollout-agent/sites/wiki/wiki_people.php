<?php
// Who writes the wiki. Nobody of them exists elsewhere, and their password opens nothing else. The numbers of users and the
// tokens that the login of `site.json` names follow from this order and the names.
const PASSWORD = 'throwaway';
const ADMINISTRATOR = 'Keeper';

const PEOPLE = [
	'Keeper' => [ '2023-05-02', 'Edda Keeper', 'I look after this encyclopaedia. Ask me when a page is to be deleted.' ],
	'Maren' => [ '2023-05-20', 'Maren Holt', 'Islands, and what lives on them. I walk a lot.' ],
	'Oluchi' => [ '2023-08-11', 'Oluchi Eze', 'Ferries, harbours and timetables.' ],
	'Sindre' => [ '2023-09-01', 'Sindre Aas', 'I photograph lighthouses and write down what their plates say.' ],
	'Petra' => [ '2023-11-15', 'Petra Novak', 'Birds first. Everything else when it rains.' ],
	'Wen' => [ '2024-01-08', 'Wen Zhao', 'I check numbers against the county yearbook.' ],
	'Tobias' => [ '2024-02-27', 'Tobias Grane', 'Born in Ardvale, and still there. People and old stories.' ],
	'Halima' => [ '2024-06-19', 'Halima Osei', 'New here. I correct spelling.' ],
];

function tokenOf( string $name ): string {
	return substr( bin2hex( strtolower( $name ) ) . str_repeat( '0', 32 ), 0, 30 ) . 'ff';
}

const WATCHED = [
	'Oluchi' => [ 'Northern Star', 'Merrow Queen', 'Tarn Bridge', 'List of ferries', 'Ardvale' ],
	'Petra' => [ 'Holm warbler', 'Tarn plover' ],
];
